# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""The functions of gojq that are written in jq."""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from kwok_controller.expressions.jq import nodes as n
from kwok_controller.expressions.jq.parser import parse

_DEFINITIONS: Final = """
def values: select(. != null);
def nulls: select(. == null);
def booleans: select(type == "boolean");
def numbers: select(type == "number");
def strings: select(type == "string");
def arrays: select(type == "array");
def objects: select(type == "object");
def iterables: select(type == "array" or type == "object");
def scalars: select(type != "array" and type != "object");
def finites: select(isinfinite or isnan | not);
def normals: select(isnormal);
def todate: strftime("%Y-%m-%dT%H:%M:%SZ");
def todateiso8601: todate;
def fromdateiso8601: fromdate;
def in(xs): . as $x | xs | has($x);
def inside(xs): . as $x | xs | contains($x);
def map_values(f): .[] |= f;
def to_entries: [keys[] as $k | {key: $k, value: .[$k]}];
def with_entries(f): to_entries | map(f) | from_entries;
def recurse(f; cond): recurse(f | select(cond));
def first: .[0];
def last: .[-1];
def nth($n): .[$n];
def any: any(.[]; .);
def any(f): any(.[]; f);
def all: all(.[]; .);
def all(f): all(.[]; f);
def add: add(.[]);
def join($separator): reduce .[] as $x (null; (if . == null then "" else . + $separator end)
  + ($x | if . == null then "" elif type == "boolean" or type == "number" then tojson else . end)) // "";
def combinations: if length == 0 then [] else .[0][] as $x | .[1:] | combinations | [$x] + . end;
def combinations($n): [limit($n; repeat(.))] | combinations;
def walk(f): def walk: (if type == "array" then map(walk) elif type == "object" then map_values(walk) else . end) | f; walk;
def transpose: [range(0; map(length) | max // 0) as $i | [.[][$i]]];
def pick(f): . as $top | reduce path(f) as $p (null; setpath($p; $top | getpath($p)));
def del(f): delpaths([path(f)]);
def paths: path(..) | select(length > 0);
def paths(f): paths as $p | select(getpath($p) | f) | $p;
def tostream: path(def walk: (.[]? | walk), .; walk) as $p | getpath($p) | reduce path(.[]?) as $q ([$p, .]; [$p + $q]);
def fromstream(f): {x: null, e: false} as $init
  | foreach f as $i ($init;
      if .e then $init else . end
      | if $i | length == 2
        then setpath(["e"]; $i[0] | length == 0) | setpath(["x"] + $i[0]; $i[1])
        else setpath(["e"]; $i[0] | length == 1) end;
      if .e then .x else empty end);
def truncate_stream(f): . as $n | null | f | . as $input
  | if (.[0] | length) > $n then setpath([0]; .[0][$n:]) else empty end;
def INDEX(stream; f): reduce stream as $row ({}; .[$row | f | tostring] |= $row);
def INDEX(f): INDEX(.[]; f);
def IN(xs): any(xs == .; .);
def IN(source; xs): any(source == xs; .);
def JOIN($idx; f): [.[] | [., $idx[f]]];
def JOIN($idx; stream; f): stream | [., $idx[f]];
def JOIN($idx; stream; f; join): stream | [., $idx[f]] | join;
def match($re): match($re; null);
def test($re): test($re; null);
def capture($re): capture($re; null);
def scan($re): scan($re; null);
def scan($re; $flags): match($re; "g" + $flags) | if .captures == [] then .string else [.captures[].string] end;
def splits($re): splits($re; null);
def splits($re; $flags): split($re; $flags)[];
def sub($re; f): sub($re; f; null);
def gsub($re; f): sub($re; f; "g");
def gsub($re; f; $flags): sub($re; f; $flags + "g");
def sort_by(f): _sort_by([.[] | [f]]);
def group_by(f): _group_by([.[] | [f]]);
def unique_by(f): _unique_by([.[] | [f]]);
def min_by(f): _min_by([.[] | [f]]);
def max_by(f): _max_by([.[] | [f]]);
def isempty(f): label $out | (f | false, break $out), true;
def halt: error("halt");
def halt_error: error;
def halt_error($code): error;
def modulemeta: error("modules are not available");
def env: {};
def localtime: gmtime;
def strflocaltime($format): strftime($format);
"""


_HEAD: Final = re.compile(r"def (\w+)(\([^)]*\))?:")


def _sources() -> dict[str, str]:
    found: dict[str, str] = {}
    for source in _DEFINITIONS.replace("\n  ", " ").splitlines():
        head = _HEAD.match(source)
        if head:
            found[f"{head[1]}/{head[2].count(';') + 1 if head[2] else 0}"] = source
    return found


_SOURCES: Final = _sources()


@cache
def definition(name: str) -> n.Define | None:
    """The definition of `name/arity`."""
    source = _SOURCES.get(name)
    if source is None:
        return None
    tree = parse(source + " .")
    assert isinstance(tree, n.Define)
    return tree


def defined_names() -> list[str]:
    """The names of all, as `name/arity`."""
    return list(_SOURCES)
