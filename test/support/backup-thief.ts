// Somebody who has data files of a backup of any age, one bundle, and the secret of every slot: tries every key that he gets on everything sealed.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { chunkBinding, type Ends } from '../../src/seal/segment.ts';
import { sodium } from '../../src/seal/sodium.ts';
import { readSlotsText } from '../../src/vault/backup/manifest.ts';
import { type Cell, readRows } from '../../src/vault/backup/row-file.ts';
import { openBlob } from '../../src/vault/keys/format.ts';
import { deriveRecordsKeyPair, deriveServiceKeys } from '../../src/vault/keys/purpose-keys.ts';
import { openSlot, type SlotKind } from '../../src/vault/keys/slots.ts';
import { bindingOf, type EpochRow, openSecret } from '../../src/vault/store/epochs.ts';

export type Secrets = Partial<Record<SlotKind, string>>;
type Row = Readonly<Record<string, Cell>> & { readonly table: string };
const KINDS = { calls: 'cdr', artifacts: 'artifact', artifact_marks: 'mark', notes: 'note' } as const;

/** The rows of a backup's folder, of its `rows` or its `bundle`. */
export function rowsIn(folder: string, kind: 'rows' | 'bundle'): Row[] {
  const files = readdirSync(folder).filter((name) => name.startsWith(`${kind}-`));
  return files.flatMap((name) =>
    [...readRows(join(folder, name))].map(({ table, columns, cells }) => {
      return { ...Object.fromEntries(columns.map((column, index) => [column, cells[index] ?? null])), table };
    }),
  );
}

/** How many slots and keys he opened, and what of the data: `<table>/<row>`, of audio `segments/<artifact>/<number>`. */
export async function steal(bundleFolder: string, dataFolders: readonly string[], secrets: Secrets) {
  const { slots, keys } = await keysOf(bundleFolder, secrets);
  const data = dataFolders.flatMap((folder) => rowsIn(folder, 'rows'));
  const vault = readSlotsText(readFileSync(join(bundleFolder, 'slots'), 'utf8')).vaultId;
  const opened = new Set<string>();
  for (const row of data) {
    const name = nameOf(row);
    const opens = name === undefined ? undefined : opener(row, data, vault);
    if (opens !== undefined && keys.some(opens)) opened.add(String(name));
  }
  const sealed = new Set(data.map(nameOf).filter((name) => name !== undefined));
  return { slots, keys: keys.length, sealed, opened };
}

function nameOf({ table, row, artifact, segment }: Row): string | undefined {
  if (Object.hasOwn(KINDS, table)) return `${table}/${row}`;
  return table === 'segments' ? `segments/${artifact}/${segment}` : undefined;
}

/** Whether a key opens the record, or the first chunk of the segment. */
function opener(row: Row, data: readonly Row[], vault: string): ((key: Uint8Array) => boolean) | undefined {
  if (row.table !== 'segments') {
    const kind = KINDS[row.table as keyof typeof KINDS];
    const [epoch, schema] = [String(row.epoch), Number(row.schema)];
    const binding = { epoch, kind, row: String(row.row), schema, table: row.table, vault, version: 1 };
    return (key) => openBlob(key, row.body as Uint8Array, binding) !== undefined;
  }
  const isFirst = ({ table, artifact, segment, chunk }: Row) =>
    table === 'chunks' && artifact === row.artifact && segment === row.segment && chunk === 0;
  const chunk = data.find(isFirst);
  if (chunk === undefined) return undefined;
  const place = {
    ...{ artifactId: String(row.artifact), segment: Number(row.segment), chunk: 0, encoding: 'ulaw-8000' as const },
    ...{ firstSample: Number(chunk.first_sample), samples: Number(chunk.samples), ends: chunk.final as Ends },
  };
  return (key) =>
    ([1, 2] as const).some((channels) => {
      const state = sodium.crypto_secretstream_xchacha20poly1305_init_pull(row.header as Uint8Array, key);
      const binding = chunkBinding({ ...place, channels });
      return sodium.crypto_secretstream_xchacha20poly1305_pull(state, chunk.body as Uint8Array, binding) !== false;
    });
}

async function keysOf(folder: string, secrets: Secrets): Promise<{ slots: number; keys: Uint8Array[] }> {
  const { vaultId, slots } = readSlotsText(readFileSync(join(folder, 'slots'), 'utf8'));
  const bundle = rowsIn(folder, 'bundle');
  const keys = new Map<string, Uint8Array>();
  let opened = 0;
  for (const slot of slots) {
    const halves = await openSlot(vaultId, slot, secrets[slot.kind] ?? '').catch(() => undefined);
    if (halves?.records === undefined) continue;
    opened++;
    const pair = deriveRecordsKeyPair(halves.records);
    const { epochMac } = deriveServiceKeys(halves.service);
    const epochs = bundle.filter(({ table }) => table === 'epochs') as unknown as EpochRow[];
    for (const epoch of epochs) {
      const secret = openSecret(epoch, bindingOf(epoch, vaultId), pair, epochMac);
      if (secret === undefined) continue;
      for (const { owner, row, form, key } of bundle.filter(
        (each) => each.table === 'record_keys' && each.epoch === epoch.id,
      )) {
        const binding = {
          epoch: epoch.id,
          owner: String(owner),
          purpose: 'wardline-key-1',
          row: String(row),
          vault: vaultId,
        };
        const plain =
          form === 'adopted'
            ? openBlob(secret.wrapKey, key as Uint8Array, binding)
            : sodium.crypto_box_seal_open(key as Uint8Array, secret.publicKey, secret.privateKey);
        if (plain !== undefined) keys.set(Buffer.from(plain).toString('hex'), plain);
      }
    }
  }
  return { slots: opened, keys: [...keys.values()] };
}
