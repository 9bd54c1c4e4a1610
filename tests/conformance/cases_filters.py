"""Cases about filter expressions: `where` says in Python what the expression beside it means."""

from __future__ import annotations

import re

from canonical import lcg
from case import FINE, both

NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")


def number(value):
    """The number that a value is, or None."""
    whole = value is not None and len(value) <= 64 and NUMBER.fullmatch(value)
    return float(value) if whole and abs(float(value)) != float("inf") else None


def is_number(wanted, key="n"):
    return lambda meta: number(meta.get(key)) == wanted


def ordered(key, compare, literal):
    """`compare` of the key's value and the text `literal`: as numbers where both are, else as bytes."""

    def where(meta):
        value = meta.get(key)
        if value is None:
            return False
        if number(value) is not None and number(literal) is not None:
            return compare(number(value), number(literal))
        return compare(value.encode(), literal.encode())

    return where


ORDERS = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}

NUMBERS = (
    ["5", "5.0", "05", "50e-1", "-5", "0", "-0", "0.000", "1e3", "1000", "999.5", "five", "5 ", "", "+5", ".5", "5.", "1e999"]
    + ["0.1", "0.1000000000000000055511151231257827", "0.10000000000000002", "9007199254740993", "9007199254740992"]
    + ["9007199254740994", "1.7976931348623157e308", "-1.7976931348623158E+308", "1.7976931348623159e308", "5e-324"]
    + ["2e-324", "3e-324", "2.2250738585072011e-308", "2.2250738585072014e-308", "123456789012345678901234567890"]
    + ["0" * 63 + "7", "0" * 64 + "7", "1e-400", "0x10", "inf", "NaN"]
)


def numbers():
    for case in both("filter_numbers", "{}: what is a number, and which numbers are equal or in order.", dimension=4):
        case.add_many(lcg(401, *FINE, rows=len(NUMBERS)), [{"n": text} for text in NUMBERS])
        case.add(lcg(402, *FINE), {"other": "5"})
        query = lcg(403, *FINE)
        for text in ["5", "5.00", "-0", "1E+3", "0.1", "9007199254740993", "1.7976931348623157e308", "4e-324", "7"]:
            case.search(query, 60, filter=f"n == {text}", where=is_number(float(text)))
            unequal = lambda meta, wanted=float(text): "n" in meta and number(meta["n"]) != wanted  # noqa: E731
            case.search(query, 60, filter=f"n != {text}", where=unequal)
        for text in ["5", "-5", "0", "1e999", "five", "9007199254740993", "5e-324", ""]:
            for sign, compare in ORDERS.items():
                case.search(query, 60, filter=f'n {sign} "{text}"', where=ordered("n", compare, text))
                if number(text) is not None:
                    case.search(query, 5, filter=f"n{sign}{text}", where=ordered("n", compare, text))
        either = lambda meta: number(meta.get("n")) in (5.0, -5.0, 1000.0)  # noqa: E731
        case.search(query, 60, filter="n IN (5, -5.0, 1e3)", where=either)
        case.search(query, 60, filter="n >= 1 AND n < 1000", where=lambda meta: in_range(meta.get("n")))
        yield case


def in_range(value):
    above = number(value) >= 1 if number(value) is not None else value is not None and value >= "1"
    below = number(value) < 1000 if number(value) is not None else value is not None and value < "1000"
    return above and below


WORDS = ["red", "Red", "redder", "", "re", "rot", "röt", "rоt", "🍎", "5", "5.0", "a\\b", 'say "x"', "it's", "a`b", "\t"]


def texts():
    for case in both("filter_text", "{}: quoted values are compared by their bytes.", dimension=3):
        case.add_many(lcg(411, *FINE, rows=2 * len(WORDS)), [{"t": text} for text in WORDS] + [{}] * len(WORDS))
        query = lcg(412, *FINE)
        for text in [*WORDS, "none"]:
            quoted = '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
            case.search(query, 40, filter=f"t == {quoted}", where=lambda meta, text=text: meta.get("t") == text)
            unequal = lambda meta, text=text: meta.get("t", text) != text  # noqa: E731
            case.search(query, 40, filter=f"t != {quoted}", where=unequal)
        for text in ["red", "5", "röt", "🍎", ""]:
            for sign, compare in ORDERS.items():
                case.search(query, 40, filter=f"t {sign} '{text}'", where=ordered("t", compare, text))
        for single in ["it's", 'say "x"', "a`b"]:
            quoted = "'" + single.replace("'", "\\'").replace('"', '\\"').replace("`", "\\`") + "'"
            case.search(query, 40, filter=f"t=={quoted}", where=lambda meta, text=single: meta.get("t") == text)
        yield case


def words():
    for case in both("filter_words", "{}: IN, CONTAINS, PREFIX and EXISTS.", dimension=3):
        case.add_many(lcg(421, *FINE, rows=2 * len(WORDS)), [{"t": text} for text in WORDS] + [{"u": "red"}] * len(WORDS))
        query = lcg(422, *FINE)
        for part in ["re", "d", "", "redder", "🍎", "redderer", "\\\\"]:
            plain = part.replace("\\\\", "\\")
            inside = lambda meta, part=plain: "t" in meta and part in meta["t"]  # noqa: E731
            case.search(query, 40, filter=f't CONTAINS "{part}"', where=inside)
            begins = lambda meta, part=plain: meta.get("t", "-").startswith(part) and "t" in meta  # noqa: E731
            case.search(query, 40, filter=f't prefix "{part}"', where=begins)
        listed = lambda meta: meta.get("t") in ("red", "rot", "none", "")  # noqa: E731
        case.search(query, 40, filter="t IN ('red', \"rot\", 'none', '')", where=listed)
        case.search(query, 40, filter="t in (5)", where=lambda meta: meta.get("t") in ("5", "5.0"))
        case.search(query, 40, filter="t In ('5')", where=lambda meta: meta.get("t") == "5")
        case.search(query, 40, filter="t IN('red',5,'🍎')", where=lambda meta: meta.get("t") in ("red", "5", "5.0", "🍎"))
        many = ", ".join(f"'{i}'" for i in range(1000))
        case.search(query, 40, filter=f"t IN ({many})", where=lambda meta: meta.get("t") == "5")
        for text in ("EXISTS t", "t exists", "Exists `t`"):
            case.search(query, 40, filter=text, where=lambda meta: "t" in meta)
        case.count_matching("EXISTS t", lambda meta: "t" in meta)
        case.count_matching("EXISTS nothing", lambda meta: False)
        yield case


def logic():
    for case in both("filter_logic", "{}: NOT before AND before OR, and rows without the key.", dimension=5):
        cycle = [{"a": "1", "b": "x"}, {"a": "2"}, {"b": "x"}, {"b": "y", "a": "1"}, {}, {"a": "3", "b": "y"}]
        case.add_many(lcg(431, *FINE, rows=90), {"cycle": cycle})
        query = lcg(432, *FINE)
        one, x = is_number(1.0, "a"), lambda meta: meta.get("b") == "x"
        three = is_number(3.0, "a")
        filters = {
            "a == 1": one,
            "NOT a == 1": lambda meta: not one(meta),
            "a != 1": lambda meta: "a" in meta and not one(meta),
            "NOT a != 1": lambda meta: "a" not in meta or one(meta),
            "NOT EXISTS a": lambda meta: "a" not in meta,
            "not not a==1": one,
            'a == 1 AND b == "x"': lambda meta: one(meta) and x(meta),
            'a == 1 OR b == "x"': lambda meta: one(meta) or x(meta),
            'a == 3 OR a == 1 AND b == "x"': lambda meta: three(meta) or (one(meta) and x(meta)),
            '(a == 3 OR a == 1) AND b == "x"': lambda meta: (three(meta) or one(meta)) and x(meta),
            'NOT a == 1 AND b == "x"': lambda meta: not one(meta) and x(meta),
            'NOT (a == 1 AND b == "x")': lambda meta: not (one(meta) and x(meta)),
            '((not((a==1)))OR(b=="x"))and exists b': lambda meta: (not one(meta) or x(meta)) and "b" in meta,
            "a < 9 AND NOT a > 1": lambda meta: one(meta),
            "a < 0 OR a > 9": lambda meta: False,
            "EXISTS a OR NOT EXISTS a": lambda meta: True,
            "\n a\t==\r1 ": one,
        }
        for text, where in filters.items():
            case.search(query, 7, filter=text, where=where)
            case.count_matching(text, where)
        case.delete_many(list(range(0, 80, 2)))
        case.update_metadata(1, {"a": "1", "b": "x"})
        case.update_metadata(3, {})
        for text, where in filters.items():
            case.search(query, 90, filter=text, where=where)
        case.reopen()
        for text, where in filters.items():
            case.count_matching(text, where)
        yield case


def columns():
    for case in both("filter_columns", "{}: columns by any name, in backquotes where it is no word.", dimension=2):
        names = ["plain", "a.b-c_9", "two words", "a`b", "back\\slash", "ключ", "AND", "exists", "'q'", "9"]
        rows = [{names[i]: "v", "all": str(i)} for i in range(len(names) - 1)]  # "9" is no key that all runners keep in place
        case.add_many(lcg(441, *FINE, rows=len(rows)), rows)
        query = lcg(442, *FINE)
        for name in names:
            quoted = "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"
            case.search(query, 9, filter=f"{quoted} == 'v'", where=lambda meta, name=name: meta.get(name) == "v")
        for name in names[:2]:
            case.search(query, 9, filter=f"{name} == 'v'", where=lambda meta, name=name: meta.get(name) == "v")
        case.search(query, 9, filter="a.b-c_9=='v'or`AND`=='v'", where=lambda meta: {"a.b-c_9", "AND"} & meta.keys())
        yield case


def errors():
    for case in both("filter_errors", "{}: what is no filter is refused, with the place and what was expected.", dimension=2):
        case.add_many(lcg(451, *FINE, rows=9), [{"a": str(i)} for i in range(9)])
        for text, message in {
            "": "filter, column 1: found the end, expected a column, NOT, EXISTS or",
            "a = 1": 'filter, column 3: found "=", expected an operator (use ==)',
            "(a == 1 AND a > )": 'filter, column 17: found ")", expected a value',
            "a == red": 'filter, column 6: found "red", expected a value (put text in quotes)',
            "a == 1 a == 2": 'filter, column 8: found "a", expected AND, OR or the end',
            "'ключ' == 1": "filter, column 1: found 'ключ', expected a column",
            "`ключ` == ": "filter, column 11: found the end, expected a value",
            "a CONTAINS 1": 'filter, column 12: found "1", expected text in quotes',
            "a IN (1": 'filter, column 8: found the end, expected "," or ")"',
            "a == 1e999": 'filter, column 6: found "1e999", expected a number',
            "a == 'x": "filter, column 6: found 'x, expected a closing quote",
            "NOT " * 65 + "a == 1": "filter, column 257: more than 64 parentheses and NOTs",
            "a IN (" + "1," * 4096 + "1)": "more than 4096 values in IN lists",
        }.items():
            case.count_matching(text, error="GV_ERR_BAD_FILTER", message_has=message)
            case.search({"fill": 0}, 3, filter=text, error="GV_ERR_BAD_FILTER", message_has=message)
        case.search_batch(lcg(1, *FINE, rows=3), 3, filter="a ==", error="GV_ERR_BAD_FILTER", message_has="column 5")
        case.search({"fill": 0}, 0, filter="a == 1", error="GV_ERR_ARGUMENT", message_has="k is 0")
        case.search({"fill": 0}, 3, filter="a > 4", where=lambda meta: int(meta["a"]) > 4)
        case.count()
        yield case


def batches():
    for case in both("filter_batch", "{}: many queries with one expression, at any selectivity.", dimension=8):
        case.add_many(lcg(461, *FINE, rows=180), {"cycle": [{"year": str(1990 + i), "kind": "ab"[i % 2]} for i in range(12)]})
        queries = lcg(462, *FINE, rows=6)
        year = lambda meta: int(meta["year"])  # noqa: E731
        case.search_batch(queries, 5, filter="year >= 1995 AND kind == 'a'", where=lambda m: year(m) >= 1995 and m["kind"] == "a")
        case.search_batch(queries, 200, filter="year IN (1990, 2001)", where=lambda m: year(m) in (1990, 2001))
        case.search_batch(queries, 4, filter="year > 2001", where=lambda m: False)
        case.search_batch(queries, 4, filter="NOT year > 2001", where=lambda m: True)
        case.search_batch(queries, 4, "manhattan", filter="year == 1999", ef_search=1, where=lambda m: year(m) == 1999)
        case.delete_many(list(range(100)))
        case.search_batch(queries, 9, filter="kind PREFIX 'b'", where=lambda m: m["kind"] == "b")
        case.check()
        yield case


GROUPS = (numbers, texts, words, logic, columns, errors, batches)
