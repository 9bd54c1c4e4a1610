/* expression_parse.c: from text to a tree, by recursive descent: OR over AND over NOT over conditions. */
#include "base/number.h"
#include "base/text.h"
#include "query/expression.h"
#include <string.h>

typedef enum Kind {
    END,
    WORD,   /* a column, or a keyword */
    NAME,   /* a column in backquotes */
    TEXT,   /* a literal in quotes */
    NUMBER, /* what begins like one */
    SIGN    /* an operator, parenthesis, comma or anything else */
} Kind;

typedef struct Parser {
    const uint8_t *text, *end;
    const uint8_t *at;    /* behind the token */
    const uint8_t *token; /* its first byte */
    Kind kind;
    size_t depth, listed;
    GV_Parts *parts;
} Parser;

static bool is_one_of(uint8_t c, const char *set)
{
    while (*set && (uint8_t)*set != c) set++;
    return *set != '\0';
}

/* ---- failures ---- */

/* Characters up to `at`, from 1. */
static size_t column_of(const Parser *p, const uint8_t *at)
{
    size_t column = 1;
    for (const uint8_t *c = p->text; c < at; c++) column += (*c & 0xC0) != 0x80;
    return column;
}

/* "filter, column 12: found ")", expected ...": of `size` bytes at `at`, in quotes unless they bring their own. */
static GV_Status found_instead(const Parser *p, const uint8_t *at, size_t size, const char *expected)
{
    enum {
        MOST = 32
    };
    char shown[MOST + 4];
    size_t shown_size = size < MOST ? size : MOST;
    while (shown_size < size && (at[shown_size] & 0xC0) == 0x80) shown_size--;
    memcpy(shown, at, shown_size);
    memcpy(shown + shown_size, shown_size < size ? "..." : "", shown_size < size ? 4 : 1);
    const char *quote = size > 0 && is_one_of(*at, "\"'`") ? "" : "\"";
    if (size == 0)
        return gv_fail(GV_ERR_BAD_FILTER, "filter, column %zu: found the end, expected %s", column_of(p, at), expected);
    return gv_fail(GV_ERR_BAD_FILTER, "filter, column %zu: found %s%s%s, expected %s", column_of(p, at), quote, shown,
                   quote, expected);
}

static GV_Status unexpected(const Parser *p, const char *expected)
{
    return found_instead(p, p->token, (size_t)(p->at - p->token), expected);
}

static GV_Status too_many(const Parser *p, int most, const char *what)
{
    return gv_fail(GV_ERR_BAD_FILTER, "filter, column %zu: more than %d %s", column_of(p, p->token), most, what);
}

/* ---- tokens ---- */

static bool is_letter(uint8_t c) { return (c | 32) >= 'a' && (c | 32) <= 'z'; }
static bool is_digit(uint8_t c) { return c >= '0' && c <= '9'; }
static bool is_inside_word(uint8_t c) { return is_letter(c) || is_digit(c) || c == '_' || c == '.' || c == '-'; }

/* A backslash stands before a quote of any kind or another one. */
static GV_Status pass_quoted(Parser *p)
{
    uint8_t quote = *p->at++;
    for (; p->at < p->end && *p->at != quote; p->at++) {
        if (*p->at != '\\') continue;
        const uint8_t *escape = p->at++;
        if (p->at < p->end && is_one_of(*p->at, "\"'`\\")) continue;
        size_t size = 1;
        while (escape + size < p->end && (size < 2 || (escape[size] & 0xC0) == 0x80)) size++;
        return found_instead(p, escape, size, "\\\\, \\\", \\' or \\`");
    }
    if (p->at == p->end) return found_instead(p, p->token, (size_t)(p->end - p->token), "a closing quote");
    p->at++;
    return GV_OK;
}

static GV_Status next_token(Parser *p)
{
    while (p->at < p->end && is_one_of(*p->at, " \t\r\n")) p->at++;
    p->token = p->at;
    p->kind = END;
    if (p->at == p->end) return GV_OK;
    uint8_t c = *p->at;
    if (c == '"' || c == '\'' || c == '`') {
        p->kind = c == '`' ? NAME : TEXT;
        return pass_quoted(p);
    }
    if (is_inside_word(c)) {
        p->kind = is_letter(c) || c == '_' ? WORD : NUMBER;
        while (p->at < p->end && (is_inside_word(*p->at) || (*p->at == '+' && p->kind == NUMBER))) p->at++;
        return GV_OK;
    }
    p->kind = SIGN;
    do p->at++;
    while (p->at < p->end && (*p->at & 0xC0) == 0x80);
    if (is_one_of(c, "=!<>") && p->at < p->end && *p->at == '=') p->at++;
    return GV_OK;
}

static bool is_sign(const Parser *p, const char *sign)
{
    size_t size = strlen(sign);
    return p->kind == SIGN && (size_t)(p->at - p->token) == size && memcmp(p->token, sign, size) == 0;
}

/* `keyword` is in capitals. */
static bool is_keyword(const Parser *p, const char *keyword)
{
    size_t size = strlen(keyword);
    if (p->kind != WORD || (size_t)(p->at - p->token) != size) return false;
    for (size_t i = 0; i < size; i++)
        if ((p->token[i] & ~32) != keyword[i]) return false;
    return true;
}

/* The token's text without quotes and backslashes, among the bytes of the tree. */
static const uint8_t *take_text(Parser *p, size_t *size)
{
    GV_Parts *parts = p->parts;
    bool quoted = p->kind == TEXT || p->kind == NAME;
    const uint8_t *from = p->token + quoted, *to = p->at - quoted;
    uint8_t *taken = parts->bytes ? parts->bytes + parts->byte_count : NULL;
    *size = 0;
    for (; from < to; from++) {
        if (quoted && *from == '\\') from++;
        if (taken) taken[*size] = *from;
        ++*size;
    }
    parts->byte_count += *size;
    return taken;
}

/* ---- conditions ---- */

static GV_Status parse_literal(Parser *p)
{
    if (p->kind == WORD) return unexpected(p, "a value (put text in quotes)");
    if (p->kind != TEXT && p->kind != NUMBER) return unexpected(p, "a value");
    double number;
    if (p->kind == NUMBER && !gv_number_read(p->token, (size_t)(p->at - p->token), &number))
        return unexpected(p, "a number (finite, of at most 64 bytes), or text in quotes");
    GV_Literal *literal = gv_parts_literal(p->parts);
    literal->quoted = p->kind == TEXT;
    literal->text = take_text(p, &literal->size);
    if (literal->text) gv_literal_settle(literal);
    return next_token(p);
}

static GV_Status parse_list(Parser *p)
{
    if (!is_sign(p, "(")) return unexpected(p, "\"(\" and values");
    do {
        GV_TRY(next_token(p));
        if (++p->listed > GV_FILTER_LISTED) return too_many(p, GV_FILTER_LISTED, "values in IN lists");
        GV_TRY(parse_literal(p));
    } while (is_sign(p, ","));
    return is_sign(p, ")") ? next_token(p) : unexpected(p, "\",\" or \")\"");
}

static bool read_operator(const Parser *p, GV_Operator *op)
{
    static const char *const signs[] = {"==", "!=", "<", "<=", ">", ">="}; /* as the enum has them */
    static const char *const words[] = {"IN", "CONTAINS", "PREFIX"};
    for (int i = 0; i < 6; i++)
        if (is_sign(p, signs[i])) return *op = (GV_Operator)i, true;
    for (int i = 0; i < 3; i++)
        if (is_keyword(p, words[i])) return *op = (GV_Operator)(GV_OP_IN + i), true;
    return false;
}

/* What stands behind the column of `c`. */
static GV_Status parse_comparison(Parser *p, GV_Condition *c)
{
    if (is_sign(p, "=")) return unexpected(p, "an operator (use ==)");
    if (!read_operator(p, &c->op)) return unexpected(p, "==, !=, <, <=, >, >=, IN, CONTAINS, PREFIX or EXISTS");
    size_t first = p->parts->literal_count;
    GV_TRY(next_token(p));
    if (c->op >= GV_OP_CONTAINS && p->kind != TEXT) return unexpected(p, "text in quotes");
    GV_TRY(c->op == GV_OP_IN ? parse_list(p) : parse_literal(p));
    c->value_count = p->parts->literal_count - first;
    if (!p->parts->literals) return GV_OK;
    gv_literals_sort(p->parts->literals + first, c->value_count);
    c->values = p->parts->literals + first;
    return GV_OK;
}

static GV_Status parse_column(Parser *p, GV_Condition *c, const char *expected)
{
    static const char *const keywords[] = {"AND", "OR", "NOT", "IN", "CONTAINS", "PREFIX", "EXISTS"};
    bool keyword = false;
    for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++) keyword |= is_keyword(p, keywords[i]);
    if ((p->kind != WORD && p->kind != NAME) || keyword) return unexpected(p, expected);
    c->key = take_text(p, &c->key_size);
    return next_token(p);
}

static GV_Status new_node(Parser *p, GV_NodeKind kind, const GV_Node *first, GV_Node **node)
{
    if (p->parts->node_count >= GV_FILTER_NODES) return too_many(p, GV_FILTER_NODES, "conditions, ANDs, ORs and NOTs");
    *node = gv_parts_node(p->parts, kind, first);
    return GV_OK;
}

static GV_Status parse_condition(Parser *p, GV_Node **node)
{
    bool exists = is_keyword(p, "EXISTS");
    GV_TRY(new_node(p, GV_NODE_CONDITION, NULL, node));
    GV_Condition *c = &(*node)->condition;
    if (exists) GV_TRY(next_token(p));
    GV_TRY(parse_column(p, c, exists ? "a column" : "a column, NOT, EXISTS or \"(\""));
    if (!exists && !is_keyword(p, "EXISTS")) return parse_comparison(p, c);
    (*node)->kind = GV_NODE_EXISTS;
    return exists ? GV_OK : next_token(p);
}

/* ---- the tree ---- */

static GV_Status parse_chain(Parser *p, GV_NodeKind kind, GV_Node **node);

static GV_Status parse_operand(Parser *p, GV_Node **node)
{
    bool inverted = is_keyword(p, "NOT");
    if (!inverted && !is_sign(p, "(")) return parse_condition(p, node);
    if (++p->depth > GV_FILTER_DEPTH) return too_many(p, GV_FILTER_DEPTH, "parentheses and NOTs within one another");
    GV_TRY(next_token(p));
    if (inverted) {
        GV_TRY(parse_operand(p, node));
        GV_TRY(new_node(p, GV_NODE_NOT, *node, node));
    } else {
        GV_TRY(parse_chain(p, GV_NODE_OR, node));
        if (!is_sign(p, ")")) return unexpected(p, "AND, OR or \")\"");
        GV_TRY(next_token(p));
    }
    p->depth--;
    return GV_OK;
}

/* Operands of an AND, or ANDs of an OR: one alone is itself. */
static GV_Status parse_chain(Parser *p, GV_NodeKind kind, GV_Node **node)
{
    GV_Node *last = NULL, *made;
    for (size_t count = 0;; count++) {
        GV_TRY(kind == GV_NODE_OR ? parse_chain(p, GV_NODE_AND, &made) : parse_operand(p, &made));
        if (count == 0) *node = made;
        if (count == 1) GV_TRY(new_node(p, kind, last, node));
        if (last) last->next = made;
        last = made;
        if (!is_keyword(p, kind == GV_NODE_OR ? "OR" : "AND")) return GV_OK;
        GV_TRY(next_token(p));
    }
}

/* The first byte that is no UTF-8, or NULL. */
static const uint8_t *not_utf8(const uint8_t *text, size_t size)
{
    if (gv_is_utf8(text, size)) return NULL;
    size_t at = 0, more;
    do
        for (more = 1; at + more < size && (text[at + more] & 0xC0) == 0x80;) more++;
    while (gv_is_utf8(text + at, more) && (at += more) < size);
    return text + at;
}

GV_Status gv_expression_parse(const char *text, GV_Parts *parts, const GV_Node **root)
{
    size_t size = strlen(text);
    Parser p = {.text = (const uint8_t *)text, .at = (const uint8_t *)text, .parts = parts};
    GV_Node *node;
    if (size > GV_FILTER_BYTES)
        return gv_fail(GV_ERR_BAD_FILTER, "filter: %zu bytes, at most %d are allowed", size, GV_FILTER_BYTES);
    p.end = p.text + size;
    const uint8_t *wrong = not_utf8(p.text, size);
    if (wrong)
        return gv_fail(GV_ERR_BAD_FILTER, "filter, column %zu: found byte %x, expected UTF-8", column_of(&p, wrong),
                       (unsigned)*wrong);
    GV_TRY(next_token(&p));
    GV_TRY(parse_chain(&p, GV_NODE_OR, &node));
    if (p.kind != END) return unexpected(&p, "AND, OR or the end");
    *root = node;
    return GV_OK;
}
