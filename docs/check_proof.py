#!/usr/bin/env python3
"""Checks `paceline prove WORKOUT_ID --output json` without Paceline: check_proof.py PROOF.json [HEAD | ANCHOR.json]

HEAD is a head that you wrote down, ANCHOR.json a file of `paceline verify --anchor`. Prints what the proved rows say,
and OK; or what does not hold. Without a head it can only say that the proof agrees with the one that it brings itself.
"""
import datetime, hashlib, json, os, struct, sys

def need(holds, why):  # not `assert`, which `python3 -O` leaves out
    if not holds:
        raise ValueError(why)

def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()

def head_of(s):  # the hash of a segment's fields, integers little-endian
    numbers = struct.pack("<IqQ", s["encoding_version"], s["segment_id"], s["row_count"])
    return sha(b"paceline audit segment 1", numbers, bytes.fromhex(s["merkle_root"]), bytes.fromhex(s["prev_head"])).hex()

def root_of(leaf, at, size, path):  # RFC 9162, 2.1.3.2: from the leaf up, each neighbour on its side
    need(0 <= at < size, "there is no such row")
    last, node = size - 1, sha(b"\0", leaf)
    for neighbour in map(bytes.fromhex, path):
        need(last > 0, "the path is too long")
        right = at & 1 or at == last
        node = sha(b"\1", neighbour, node) if right else sha(b"\1", node, neighbour)
        while right and at and not at & 1:
            at, last = at >> 1, last >> 1
        at, last = at >> 1, last >> 1
    need(last == 0, "the path is too short")
    return node.hex()

def fields(leaf):  # version u32 = 1, then 15 fields: 0x00 for null, or 0x01, length u32, value
    at, found = 4, []
    while at < len(leaf):
        length = struct.unpack_from("<I", leaf, at + 1)[0] if leaf[at] else -4
        found.append(leaf[at + 5:at + 5 + length] if leaf[at] else None)
        at += 5 + length
    need(leaf[:4] == b"\1\0\0\0" and at == len(leaf) and len(found) == 15, "the leaf is no history row")
    return found

def check(proof, p, wanted):
    segment, leaf, heads = p["segment"], bytes.fromhex(p["leaf"]), []
    raw = fields(leaf)
    row = [field and field.decode("utf-8", "replace") for field in raw]
    confidence, (micros,) = raw[4] and struct.unpack("<d", raw[4])[0], struct.unpack("<q", raw[9])
    at = (datetime.datetime(1970, 1, 1) + datetime.timedelta(microseconds=micros)).isoformat(" ", "microseconds")
    words = dict(workout_id=row[0], previous_classification=row[1], new_classification=row[2], classification_source=row[3],
                 classification_confidence=confidence, changed_by=row[8], changed_at=at)
    need(row[0] == proof["workout_id"] and words == p["row"], "the row is not what the proof says it is")
    need((p["tree_size"], p["merkle_root"]) == (segment["row_count"], segment["merkle_root"]), "it is another tree")
    root = root_of(leaf, p["leaf_index"], p["tree_size"], p["audit_path"])
    need(root == segment["merkle_root"], "the row is not under the root of its segment")
    for later in [s for s in proof["links"] if s["segment_id"] > p["segment"]["segment_id"]] + [None]:
        need(head_of(segment) == segment["head"], "segment %d is not what it says" % segment["segment_id"])
        heads.append(segment["head"])
        follows = later is None or (later["segment_id"], later["prev_head"]) == (segment["segment_id"] + 1, segment["head"])
        need(follows, "after segment %d comes one that does not follow" % segment["segment_id"])
        segment = later
    need(heads[-1] == proof["head"], "the segments do not lead to the head")
    need(wanted is None or wanted in heads, "the head that was written down is not between the row and the end")
    print("workout %s: %s -> %s, %s, by %s" % (row[0], row[1], row[2], at, row[8]))

try:
    proof, wanted = json.load(open(sys.argv[1])), (sys.argv[2:] or [None])[0]
    wanted = json.load(open(wanted))["head"] if wanted and os.path.exists(wanted) else wanted
    need(proof["format"] == "paceline proof 1" and proof["proofs"], "it is no proof, or proves nothing")
    for p in proof["proofs"]:
        check(proof, p, wanted)
    print("OK, head", wanted or proof["head"] + " (the proof's own: compare it with one that you trust)")
except (ValueError, KeyError, TypeError, IndexError, AttributeError, struct.error, OverflowError, OSError) as error:
    sys.exit("NOT PROVED: %s" % error)
