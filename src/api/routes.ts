// Every route of the API, one file each.
import type { App } from './app.ts';
import type { ApiContext } from './context.ts';
import { addAccount } from './routes/account.ts';
import { addArtifact } from './routes/artifact.ts';
import { addArtifactAudio } from './routes/artifact-audio.ts';
import { addArtifactDelete } from './routes/artifact-delete.ts';
import { addArtifactExport } from './routes/artifact-export.ts';
import { addArtifactRead } from './routes/artifact-read.ts';
import { addAudit } from './routes/audit.ts';
import { addAuditExport } from './routes/audit-export.ts';
import { addAuditVerify } from './routes/audit-verify.ts';
import { addCall } from './routes/call.ts';
import { addCalls } from './routes/calls.ts';
import { addEnrolmentBegin } from './routes/enrolment-begin.ts';
import { addEnrolmentFinish } from './routes/enrolment-finish.ts';
import { addHealth } from './routes/health.ts';
import { addHolds } from './routes/holds.ts';
import { addLogin } from './routes/login.ts';
import { addLogout } from './routes/logout.ts';
import { addNotes } from './routes/notes.ts';
import { addRecordings } from './routes/recordings.ts';
import { addSearch } from './routes/search.ts';
import { addSession } from './routes/session.ts';
import { addUsers } from './routes/users.ts';
import { addVault } from './routes/vault.ts';
import { addVoicemails } from './routes/voicemails.ts';

const routes = [
  addHealth,
  addLogin,
  addLogout,
  addSession,
  addEnrolmentBegin,
  addEnrolmentFinish,
  addCalls,
  addVoicemails,
  addRecordings,
  addArtifact,
  addArtifactAudio,
  addArtifactRead,
  addArtifactDelete,
  addAudit,
  addAuditExport,
  addNotes,
  addSearch,
  addCall,
  addArtifactExport,
  addHolds,
  addAuditVerify,
  addUsers,
  addAccount,
  addVault,
];

export function addRoutes(app: App, context: ApiContext): void {
  for (const add of routes) add(app, context);
}
