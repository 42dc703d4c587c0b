// The voicemail list: unread ones stand out, a click plays, and deleting asks once because it cannot be undone.
import { useState } from 'preact/hooks';
import type { ArtifactView, UserView } from '../../api/schemas.ts';
import { api } from '../api.ts';
import { byDay, callerLabel, phoneNumber, timeOfDay } from '../format.ts';
import { Confirm } from '../parts/confirm.tsx';
import { Icon } from '../parts/icon.tsx';
import { Link } from '../parts/link.tsx';
import { Player } from '../parts/player.tsx';
import { RowEnd } from '../parts/row-end.tsx';
import { Damaged, Empty, Failed, Loading } from '../parts/states.tsx';
import { useList } from '../parts/use-list.ts';
import { unread } from '../store.ts';

export function VoicemailsPage({ user }: { user: UserView }) {
  const isAdmin = user.roles.includes('admin');
  const [mailbox, setMailbox] = useState(isAdmin ? '' : (user.mailboxes[0] ?? ''));
  const [openId, setOpenId] = useState<string>();
  const [doomed, setDoomed] = useState<ArtifactView>();
  const list = useList<ArtifactView>(mailbox, (after, isBackground) =>
    api.voicemails({ after, mailbox }, isBackground),
  );

  const heard = (id: string) => {
    if (list.rows?.find((row) => row.id === id)?.isRead !== false) return;
    list.replace((rows) => rows.map((row) => (row.id === id ? { ...row, isRead: true } : row)));
    unread.value = Math.max(0, unread.value - 1);
    void api.markRead(id).catch(() => undefined);
  };
  const removed = ({ id, isRead }: ArtifactView) => {
    list.replace((rows) => rows.filter((row) => row.id !== id));
    if (!isRead) unread.value = Math.max(0, unread.value - 1);
  };

  return (
    <>
      <div class="page-head">
        <h1>Voicemail</h1>
        {user.mailboxes.length > 1 && (
          <MailboxChoice user={user} isAdmin={isAdmin} mailbox={mailbox} choose={setMailbox} />
        )}
      </div>
      {list.error && <Failed error={list.error} retry={list.reload} />}
      {!list.error && list.rows === undefined && <Loading />}
      <Damaged rows={list.damaged} />
      {!list.error && list.rows?.length === 0 && (
        <Empty icon="voicemail" title="No messages">
          {isAdmin || user.mailboxes.length > 0
            ? 'When a caller leaves a message, it appears here and on the phones.'
            : 'Your account has no mailbox yet. Ask an administrator to give you one.'}
        </Empty>
      )}
      {byDay(list.rows ?? [], Date.now()).map(({ heading, rows }) => (
        <section key={heading} class="day">
          <h2>{heading}</h2>
          <ul class="rows">
            {rows.map((message) => (
              <MessageRow
                key={message.id}
                message={message}
                isOpen={message.id === openId}
                showsMailbox={user.mailboxes.length > 1}
                toggle={() => setOpenId(message.id === openId ? undefined : message.id)}
                heard={() => heard(message.id)}
                remove={() => setDoomed(message)}
              />
            ))}
          </ul>
        </section>
      ))}
      {list.hasMore && (
        <p class="centred">
          <button type="button" onClick={list.loadMore} disabled={list.isLoadingMore}>
            {list.isLoadingMore ? 'Loading…' : 'Show older messages'}
          </button>
        </p>
      )}
      {doomed && <ConfirmDelete message={doomed} removed={removed} done={() => setDoomed(undefined)} />}
    </>
  );
}

interface MessageRowProps {
  readonly message: ArtifactView;
  readonly isOpen: boolean;
  readonly showsMailbox: boolean;
  readonly toggle: () => void;
  readonly heard: () => void;
  readonly remove: () => void;
}

function MessageRow({ message, isOpen, showsMailbox, toggle, heard, remove }: MessageRowProps) {
  const { id, durationMs, isRead, from, fromName, mailbox } = message;
  const who = callerLabel(message);
  return (
    <li class={`row message ${isRead ? '' : 'unread'} ${isOpen ? 'open' : ''}`}>
      <button type="button" class="row-button" aria-expanded={isOpen} onClick={toggle}>
        <span class="unread-dot" role="img" aria-label={isRead ? 'Heard' : 'New'} />
        <span class="who">
          <span class="who-name">{who}</span>
          <span class="who-detail">
            {[fromName !== '' && from !== '' && phoneNumber(from), showsMailbox && `Mailbox ${mailbox}`]
              .filter(Boolean)
              .join(' · ')}
          </span>
        </span>
        <RowEnd artifact={message} />
      </button>
      {isOpen && (
        <div class="row-body">
          <Player id={id} durationMs={durationMs} label={`the message from ${who}`} autoPlay onHeard={heard} />
          <Link to={`/voicemail/${id}`} class="row-more">
            Details
          </Link>
          <button type="button" class="quiet danger" onClick={remove}>
            <Icon name="trash" /> Delete
          </button>
        </div>
      )}
    </li>
  );
}

interface ChoiceProps {
  readonly user: UserView;
  readonly isAdmin: boolean;
  readonly mailbox: string;
  readonly choose: (mailbox: string) => void;
}

function MailboxChoice({ user, isAdmin, mailbox, choose }: ChoiceProps) {
  return (
    <label class="choice">
      <span>Mailbox</span>
      <select value={mailbox} onChange={(event) => choose(event.currentTarget.value)}>
        {isAdmin && <option value="">All</option>}
        {user.mailboxes.map((number) => (
          <option key={number} value={number}>
            {number}
          </option>
        ))}
      </select>
    </label>
  );
}

interface ConfirmProps {
  readonly message: ArtifactView;
  readonly removed: (message: ArtifactView) => void;
  readonly done: () => void;
}

function ConfirmDelete({ message, removed, done }: ConfirmProps) {
  const act = async () => {
    await api.remove(message.id);
    removed(message);
  };
  return (
    <Confirm title="Delete this message?" yes="Delete" no="Keep it" isDanger act={act} done={done}>
      <p>
        The message from <strong>{callerLabel(message)}</strong> of {timeOfDay(message.startedAt)} will be gone for
        everybody, for good. It cannot be brought back.
      </p>
    </Confirm>
  );
}
