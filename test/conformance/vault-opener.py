"""Opens vaults' data folders and backups with the recovery code alone, written from src/vault/FORMAT.md and sharing no code with src: prints a line
for each with its calls, notes, marks and audio's hashes, and names what does not hold. Arguments: recovery code, folders; a vault's heads are looked
for in `keys/heads` beside its folder."""
import base64
import hashlib
import json
import os
import sqlite3
import struct
import sys

from nacl import bindings as nacl


CAPTURED = dict(calls="cdr", artifacts="artifact", artifact_marks="mark", notes="note")
SERVICE = "service_records"


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def blake2b(message, key=b""):
    return hashlib.blake2b(message, digest_size=32, key=key).digest()


def kdf(number, context, root):
    salt = struct.pack("<Q", number).ljust(16, b"\0")
    return hashlib.blake2b(b"", digest_size=32, key=root, salt=salt, person=context.ljust(16, b"\0")).digest()


def open_blob(key, blob, binding):
    assert blob[0] == 1
    return nacl.crypto_aead_xchacha20poly1305_ietf_decrypt(blob[25:], canonical(binding), blob[1:25], key)


def open_slots(vault, slots, code):
    """Sections 3.2 and 3.3."""
    secret = code.replace("-", "")[:26].encode()
    for slot in slots:
        if slot["kind"] != "recovery":
            continue
        key = blake2b(f"wardline-slot-1:recovery:{vault}:{slot['id']}".encode(), secret)
        binding = {name: slot[name] for name in ("kind", "opens", "parameters")}
        binding.update(purpose="wardline-slot-1", vault=vault, slot=slot["id"])
        halves = open_blob(key, slot["wrapped"], binding)
        return halves[:32], halves[32:]
    raise SystemExit("no recovery slot")


def load_backup(folder, code):
    """Section 11."""
    with open(os.path.join(folder, "slots"), "rb") as file:
        raw = file.read()
    text = json.loads(raw)
    slots = [dict(slot, wrapped=base64.b64decode(slot["wrapped"])) for slot in text["slots"]]
    service, records = open_slots(text["vault"], slots, code)
    manifest = read_manifest(folder, service, raw)
    rows = {}
    for entry in [manifest["bundle"], *manifest["files"]]:
        for table, row in read_rows(folder, entry):
            rows.setdefault(table, []).append(row)
    drop_disposed(rows)
    assert manifest["until"] == len(rows["trail"]) and manifest["link"] == rows["trail"][-1]["link"].hex()
    return text["vault"], service, records, rows


def drop_disposed(rows):
    """Section 11.4."""
    keys = {(row["owner"], row["row"]) for row in rows["record_keys"]}
    for table in CAPTURED:
        rows[table] = [row for row in rows.get(table, []) if (table, row["row"]) in keys]
    calls, artifacts = {row["seq"] for row in rows["calls"]}, {row["row"] for row in rows["artifacts"]}
    rows["call_numbers"] = [row for row in rows.get("call_numbers", []) if row["seq"] in calls]
    for table in ("closings", "read_marks", "segments", "chunks"):
        rows[table] = [row for row in rows.get(table, []) if row["artifact"] in artifacts]


def load_vault(folder, code):
    """Sections 1 and 12.1."""
    path = os.path.join(folder, "vault.db")
    db = sqlite3.connect(f"file:{path}?{'mode=ro' if os.path.exists(path + '-wal') else 'immutable=1'}", uri=True)
    assert db.execute("PRAGMA application_id").fetchone()[0] == 0x57415244
    db.row_factory = sqlite3.Row
    tables = [name for (name,) in map(tuple, db.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"))]
    rows = {table: [dict(row) for row in db.execute(f"SELECT * FROM {table}")] for table in tables}
    vault = json.loads(rows["meta"][0]["value"])["vaultId"]
    slots = [dict(row, id=row["slot"], parameters=json.loads(row["parameters"])) for row in rows["keyring"]]
    return (vault, *open_slots(vault, slots, code), rows)


def read_manifest(folder, service, slots):
    with open(os.path.join(folder, "manifest"), "rb") as file:
        first, body, mac, _signature = file.read().split(b"\n")[:4]
    assert first == b"wardline-manifest-1"
    assert blake2b(first + b"\n" + body + b"\n", kdf(8, b"wl-svc-1", service)).hex().encode() == mac
    manifest = json.loads(body)
    assert blake2b(slots).hex() == manifest["slots"]
    return manifest


def read_rows(folder, entry):
    """Section 11.2."""
    with open(os.path.join(folder, entry["name"]), "rb") as file:
        data = file.read()
    assert (len(data), blake2b(data).hex()) == (entry["bytes"], entry["hash"])
    assert data.startswith(b"wardline-rows-1\n")
    at = 16
    (length,) = struct.unpack_from(">I", data, at)
    tables = json.loads(data[at + 4 : at + 4 + length])
    at += 4 + length
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        end = at + 4 + length
        table = tables[data[at + 4]]
        cells, at = [], at + 5
        while at < end:
            kind, at = data[at], at + 1
            if kind == 0:
                cells.append(None)
            elif kind == 1:
                cells.append(struct.unpack_from(">q", data, at)[0])
                at += 8
            else:
                (size,) = struct.unpack_from(">I", data, at)
                content = data[at + 4 : at + 4 + size]
                cells.append(content.decode() if kind == 2 else content)
                at += 4 + size
        yield table[0], dict(zip(table[1:], cells))


class Opened:
    """What a vault holds, and a sentence for each thing that does not hold."""

    def __init__(self, vault, service, records, rows):
        self.vault, self.service, self.rows, self.problems = vault, service, rows, []
        self.check("meta", self.check_identity)
        self.epochs, self.keys = {}, {}
        pair = nacl.crypto_box_seed_keypair(kdf(1, b"wl-rec-1", records))
        for row in rows["epochs"]:
            if row["secret"] is not None:
                self.check(f"epochs/{row['id']}", self.open_epoch, row, pair)
        for row in rows["record_keys"]:
            self.check(f"record_keys/{row['owner']}/{row['row']}", self.open_key, row)
        self.records = {table: self.open_all(table, kind) for table, kind in CAPTURED.items()}
        self.audio = {row["row"]: self.check(f"audio {row['row']}", self.listen, row) for row in rows["artifacts"]}
        self.entries = self.walk()
        self.check_rows()
        for table in CAPTURED:
            self.check(f"the order of {table}", self.check_order, table)

    def check_order(self, table):
        """Section 8."""
        entries = [row["entry"] for row in sorted(self.rows.get(table, []), key=lambda row: row["seq"])]
        assert entries == sorted(set(entries))

    def check(self, name, act, *arguments):
        try:
            return act(*arguments)
        except Exception:  # whatever a reader trips over does not hold
            self.problems.append(f"{name} does not hold")
            return None

    def check_identity(self):
        """Section 3.1."""
        (row,) = self.rows["meta"]
        identity = json.loads(row["value"])
        assert row["mac"] == blake2b(canonical(identity), kdf(7, b"wl-svc-1", self.service))
        assert len(self.rows.get("roots", [])) == 2 * (identity["generation"] - 1)

    def open_epoch(self, row, pair):
        plain = nacl.crypto_box_seal_open(row["secret"], *pair)
        check_epoch(self.vault, self.service, row, plain)
        self.epochs[row["id"]] = (row["public"], plain[:32], plain[32:64])

    def open_key(self, row):
        """Section 3.5."""
        public, private, wrap = self.epochs[row["epoch"]]
        binding = dict(purpose="wardline-key-1", vault=self.vault, owner=row["owner"], row=row["row"], epoch=row["epoch"])
        is_boxed = row["form"] == "boxed"
        key = nacl.crypto_box_seal_open(row["key"], public, private) if is_boxed else open_blob(wrap, row["key"], binding)
        self.keys[row["owner"], row["row"]] = key

    def open_all(self, table, kind):
        """Section 4.2."""

        def open_record(row):
            place = dict(vault=self.vault, table=table, row=row["row"], kind=kind, schema=row["schema"], version=1, epoch=row["epoch"])
            return json.loads(open_blob(self.keys[table, row["row"]], row["body"], place))

        return {row["row"]: self.check(f"{table}/{row['row']}", open_record, row) for row in self.rows.get(table, [])}

    def listen(self, row):
        for closing in self.rows["closings"]:
            if closing["artifact"] == row["row"]:
                check_closing(self.rows, closing)
        return hashlib.sha256(listen(self.rows, self.keys, row, self.records["artifacts"][row["row"]])).hexdigest()

    def walk(self):
        """Sections 3.6 and 7.1; ends at the first entry that does not hold."""
        entries, link = [], blake2b(f"wardline-trail-1:{self.vault}".encode())
        for number, entry in enumerate(sorted(self.rows["trail"], key=lambda row: row["sequence"]), 1):
            link = blake2b(link + entry["sealed"])
            content = self.check(f"trail/{number}", open_entry, self, number, entry, link)
            if content is None:
                break
            entries.append((content, link))
        return entries

    def check_rows(self):
        """Sections 2 and 7.3: each row as the newest entry that names it says, and all of them together as the newest entry says."""
        said, before, total = {}, {}, 0
        for content, _link in self.entries:
            for change in content["rows"]:
                key = change["table"], change["row"]
                before.setdefault(key, set()).add(said.get(key, (None,))[0])
                said[key] = (change.get("hash"), content["sequence"])
        stored = dict(stored_rows(self.rows))
        for key, (version, hash_, entry) in stored.items():
            hash_said, sequence = said.pop(key, (None, None))
            if (hash_, entry if entry is not None else sequence) != (hash_said, sequence):
                what = "foreign" if hash_said is None else "rolled back" if hash_ in before[key] else "altered"
                self.problems.append(f"{'/'.join(key)} is {what}")
            if entry is None:
                change = dict(hash=hash_, row=key[1], table=key[0], version=version)
                total += int.from_bytes(blake2b(canonical(change), kdf(6, b"wl-svc-1", self.service)), "big")
        self.problems += [f"{'/'.join(key)} is missing" for key, (hash_, _) in said.items() if hash_ is not None]
        if self.entries and f"{total % 2**256:064x}" != self.entries[-1][0]["state"]:
            self.problems.append("the settings are not those of the newest entry")

    def check_heads(self, path):
        """Section 7.2."""
        with open(path, encoding="utf-8") as file:
            heads = [json.loads(line) for line in file]
        for head in (each for each in heads if each["format"] == "wardline-head-1"):
            unsigned = {name: value for name, value in head.items() if name != "signature"}
            nacl.crypto_sign_open(base64.b64decode(head["signature"]) + canonical(unsigned), base64.b64decode(head["publicKey"]))
            is_there = head["sequence"] <= len(self.entries)
            if not is_there or self.entries[head["sequence"] - 1][1].hex() != head["link"]:
                return self.problems.append(f"head {head['sequence']} {'differs' if is_there else 'is newer than the trail'}")


def open_entry(opened, number, entry, link):
    vault, service = opened.vault, opened.service
    today, roots = kdf(1, b"wl-svc-1", service), []
    for row in sorted(opened.rows.get("roots", []), key=lambda row: row["generation"]):
        if row["half"] == "service":
            binding = dict(purpose="wardline-root-1", vault=vault, generation=row["generation"], half="service")
            roots.append((row["until_entry"], open_blob(today, row["sealed"], dict(binding, untilEntry=row["until_entry"]))))
    root = next((half for until, half in roots if number <= until), service)
    assert (entry["sequence"], entry["link"]) == (number, link)
    assert entry["mac"] == blake2b(struct.pack(">Q", number) + link, kdf(3, b"wl-svc-1", root))
    binding = dict(purpose="wardline-trail-1", vault=vault, sequence=number)
    return json.loads(open_blob(kdf(4, b"wl-svc-1", root), entry["sealed"], binding))


def row_hash(body, clear):
    return blake2b(blake2b(body) + canonical(clear)).hex()


def clear_json(row, *but):
    return {name: value.hex() if isinstance(value, bytes) else value for name, value in row.items() if name not in but}


def stored_rows(rows):
    """Section 2: table and row, with version, hash, and for an immutable row its entry."""
    terms, numbers = {}, {}
    for row in rows.get("blind_index", []):
        terms.setdefault((row["space"], row["row"]), []).append((row["kind"], row["digest"].hex()))
    for row in rows.get("call_numbers", []):
        numbers.setdefault(row["seq"], []).append(row["digest"].hex())
    for row in rows[SERVICE]:
        clear = [f"{kind}:{digest}" for kind, digest in sorted(terms.get((row["space"], row["row"]), []))]
        yield (row["space"], row["row"]), (row["version"], row_hash(row["body"], clear), None)
    for row in rows["keyring"]:
        yield ("keyring", row["slot"]), (1, row_hash(row["wrapped"], clear_json(row, "slot", "wrapped")), None)
    for row in rows["epochs"]:
        secret = None if row["secret"] is None else blake2b(row["secret"]).hex()
        clear = dict(clear_json(row, "id", "public", "secret"), secret=secret)
        yield ("epochs", row["id"]), (1, row_hash(row["public"], clear), None)
    for row in rows.get("roots", []):
        yield ("roots", f"{row['generation']}/{row['half']}"), (1, row_hash(row["sealed"], clear_json(row, "sealed")), None)
    for row in rows.get("open_artifacts", []):
        yield ("open_artifacts", row["artifact"]), (1, row_hash(row["artifact"].encode(), None), None)
    for table in CAPTURED:
        for row in rows.get(table, []):
            digests = sorted(numbers.get(row["seq"], [])) if table == "calls" else []
            clear = dict(columns=clear_json(row, "seq", "row", "epoch", "schema", "body", "entry"), terms=digests)
            yield (table, row["row"]), (1, row_hash(row["body"], clear), row["entry"])
    for row in rows["closings"]:
        yield ("closings", row["artifact"]), (1, row_hash(row["tags"], clear_json(row, "artifact", "tags", "entry")), row["entry"])
    for row in rows.get("read_marks", []):
        yield ("read_marks", row["artifact"]), (1, row_hash(row["artifact"].encode(), None), row["entry"])


def check_epoch(vault, service, row, plain):
    """Section 3.4."""
    binding = dict(purpose="wardline-epoch-1", vault=vault, epoch=row["id"], month=row["month"])
    binding.update({"class": row["class"], "publicKey": base64.b64encode(row["public"]).decode()})
    key = kdf(5, b"wl-svc-1", service)
    assert row["mac"] == blake2b(canonical(binding), key)
    assert plain[64:] == blake2b(canonical(binding) + plain[:64], key)
    assert nacl.crypto_scalarmult_base(plain[:32]) == row["public"]


def check_closing(rows, closing):
    """Section 5.3."""
    artifact = closing["artifact"]
    tags = blake2b(b"wardline-audio-1" + artifact.encode())
    counts = [0, 0, 0]
    for segment in sorted((row for row in rows["segments"] if row["artifact"] == artifact), key=lambda row: row["segment"]):
        place = struct.pack(">BIQ", 1, segment["segment"], segment["first_sample"])
        tags, counts[0] = blake2b(tags + place + segment["header"]), counts[0] + 1
        chunks = [row for row in rows["chunks"] if (row["artifact"], row["segment"]) == (artifact, segment["segment"])]
        for row in sorted(chunks, key=lambda row: row["chunk"]):
            place = struct.pack(">BIIQIB", 2, row["segment"], row["chunk"], row["first_sample"], row["samples"], row["final"])
            tags, counts[1] = blake2b(tags + place + blake2b(row["body"])), counts[1] + 1
            counts[2] = max(counts[2], row["first_sample"] + row["samples"])
    assert (tags, counts) == (closing["tags"], [closing["segments"], closing["chunks"], closing["samples"]])


def listen(rows, keys, artifact, header):
    """Section 5."""
    heard, codes = b"", {"ulaw-8000": 1, "l16-16000": 2}
    for segment in sorted((row for row in rows["segments"] if row["artifact"] == artifact["row"]), key=lambda row: row["segment"]):
        state = nacl.crypto_secretstream_xchacha20poly1305_state()
        key = keys["segments", f"{artifact['row']}/{segment['segment']}"]
        nacl.crypto_secretstream_xchacha20poly1305_init_pull(state, segment["header"], key)
        chunks = [row for row in rows["chunks"] if (row["artifact"], row["segment"]) == (artifact["row"], segment["segment"])]
        for chunk in sorted(chunks, key=lambda row: row["chunk"]):
            numbers = segment["segment"], chunk["chunk"], chunk["first_sample"], chunk["samples"]
            place = struct.pack(">IIQIBBB", *numbers, codes[header["encoding"]], header["channels"], chunk["final"])
            binding = b"wardline-chunk-1" + artifact["row"].encode() + place
            heard += nacl.crypto_secretstream_xchacha20poly1305_pull(state, chunk["body"], binding)[0]
    return heard


def main(code, *folders):
    for folder in folders:
        print(json.dumps(report(folder, code)))


def report(folder, code):
    is_vault = os.path.exists(os.path.join(folder, "vault.db"))
    opened = Opened(*(load_vault if is_vault else load_backup)(folder, code))
    heads = os.path.join(folder, "..", "keys", "heads")
    if is_vault and os.path.exists(heads):
        opened.check_heads(heads)
    texts = {table: sorted(record[name] for record in opened.records[table].values() if record) for table, name in NAMES.items()}
    return dict(texts, audio=opened.audio, entries=len(opened.entries), problems=opened.problems)


NAMES = dict(calls="fromName", notes="text", artifact_marks="mark")
main(*sys.argv[1:])
