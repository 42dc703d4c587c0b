// Notes and tags of a call, message or recording: listed, added, removed, by who may see what they are about.
import type { FastifyRequest } from 'fastify';
import type { App } from '../app.ts';
import type { ApiContext } from '../context.ts';
import { visitOf } from '../guard.ts';
import { Done, NoteAsk, NoteMade, NoteParams, NotesParams, NotesView } from '../schemas.ts';
import { scopeOf } from '../views.ts';

export function addNotes(app: App, context: ApiContext): void {
  const { vault } = context;
  const listed = { params: NotesParams, response: { 200: NotesView } };
  app.get('/api/notes/:subject', { schema: listed }, async (request) => {
    return { notes: [...(await notesOf(context, request, request.params.subject))] };
  });
  const added = { params: NotesParams, body: NoteAsk, response: { 200: NoteMade } };
  app.post('/api/notes/:subject', { schema: added }, async (request) => {
    const { subject } = request.params;
    await mustSee(context, request, subject);
    const { noteId } = await vault.ask('note.add', { caller: visitOf(request).caller, subject, ...request.body });
    return { id: noteId };
  });
  const removed = { params: NoteParams, response: { 200: Done } };
  app.delete('/api/notes/:subject/:note', { schema: removed }, async (request) => {
    const { subject, note } = request.params;
    await mustSee(context, request, subject);
    await vault.ask('note.remove', { caller: visitOf(request).caller, noteId: note, subject });
    return { ok: true as const };
  });
}

async function notesOf({ vault }: ApiContext, request: FastifyRequest, subject: string) {
  const { caller, user } = visitOf(request);
  return (await vault.ask('note.list', { caller, subject, ...scopeOf(user) })).notes;
}

/** An administrator sees all. @throws WardlineError `artifact-unknown` */
async function mustSee(context: ApiContext, request: FastifyRequest, subject: string): Promise<void> {
  if (!visitOf(request).user.roles.includes('admin')) await notesOf(context, request, subject);
}
