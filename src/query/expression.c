/* expression.c: trees made of parts, and what one condition says of one value. */
#include "query/expression.h"
#include "base/checked.h"
#include "base/bytes.h"
#include "base/number.h"
#include <string.h>

/* ---- one condition ---- */

static int compare_numbers(double a, double b) { return (a > b) - (a < b); }

/* Bare before quoted; bare ones by number, quoted ones by bytes. */
static int compare_literals(const GV_Literal *a, const GV_Literal *b)
{
    if (a->quoted != b->quoted) return a->quoted ? 1 : -1;
    return a->quoted ? gv_compare_bytes(a->text, a->size, b->text, b->size) : compare_numbers(a->number, b->number);
}

void gv_literal_settle(GV_Literal *literal)
{
    literal->numeric = gv_number_read(literal->text, literal->size, &literal->number);
}

/* Shell's sort: short, and quick enough for GV_FILTER_LISTED. */
void gv_literals_sort(GV_Literal *literals, size_t count)
{
    for (size_t gap = 3280; gap > 0; gap /= 3)
        for (size_t i = gap; i < count; i++) {
            GV_Literal moved = literals[i];
            size_t at = i;
            for (; at >= gap && compare_literals(&moved, &literals[at - gap]) < 0; at -= gap)
                literals[at] = literals[at - gap];
            literals[at] = moved;
        }
}

static bool is_listed(const GV_Condition *c, const GV_Literal *wanted)
{
    size_t from = 0, to = c->value_count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        int order = compare_literals(wanted, &c->values[middle]);
        if (order == 0) return true;
        if (order > 0) from = middle + 1;
        else to = middle;
    }
    return false;
}

static bool is_equal(const GV_Literal *wanted, const uint8_t *value, size_t size)
{
    double number;
    if (wanted->quoted) return size == wanted->size && memcmp(value, wanted->text, size) == 0;
    return gv_number_read(value, size, &number) && number == wanted->number;
}

/* By a hash that rolls (Karp & Rabin 1987): a value of any kind is passed once. */
static bool contains(const uint8_t *value, size_t size, const GV_Literal *wanted)
{
    const uint64_t base = 0x9E3779B97F4A7C15;
    uint64_t sought = 0, rolling = 0, leaving = 1;
    if (size < wanted->size) return false;
    for (size_t i = 0; i < wanted->size; i++) {
        sought = sought * base + wanted->text[i];
        rolling = rolling * base + value[i];
        leaving *= base;
    }
    for (size_t end = wanted->size;; end++) {
        if (rolling == sought && memcmp(value + end - wanted->size, wanted->text, wanted->size) == 0) return true;
        if (end == size) return false;
        rolling = rolling * base + value[end] - leaving * value[end - wanted->size];
    }
}

static bool is_ordered(GV_Operator op, int order)
{
    if (op == GV_OP_LESS) return order < 0;
    if (op == GV_OP_LESS_EQUAL) return order <= 0;
    return op == GV_OP_GREATER ? order > 0 : order >= 0;
}

bool gv_condition_holds(const GV_Condition *c, const uint8_t *value, size_t size)
{
    const GV_Literal *wanted = &c->values[0];
    GV_Literal found = {.text = value, .size = size, .quoted = true};
    switch (c->op) {
    case GV_OP_CONTAINS: return contains(value, size, wanted);
    case GV_OP_PREFIX: return size >= wanted->size && memcmp(value, wanted->text, wanted->size) == 0;
    case GV_OP_EQUAL: return is_equal(wanted, value, size);
    case GV_OP_NOT_EQUAL: return !is_equal(wanted, value, size);
    case GV_OP_IN:
        if (c->values[c->value_count - 1].quoted && is_listed(c, &found)) return true;
        found.quoted = false;
        return !wanted->quoted && gv_number_read(value, size, &found.number) && is_listed(c, &found);
    default: break;
    }
    if (wanted->numeric && gv_number_read(value, size, &found.number))
        return is_ordered(c->op, compare_numbers(found.number, wanted->number));
    return is_ordered(c->op, gv_compare_bytes(value, size, wanted->text, wanted->size));
}

/* ---- trees ---- */

GV_Node *gv_parts_node(GV_Parts *parts, GV_NodeKind kind, const GV_Node *first)
{
    GV_Node *node = parts->nodes ? &parts->nodes[parts->node_count] : &parts->spare_node;
    parts->node_count++;
    *node = (GV_Node){.kind = kind, .first = first};
    return node;
}

GV_Literal *gv_parts_literal(GV_Parts *parts)
{
    GV_Literal *literal = parts->literals ? &parts->literals[parts->literal_count] : &parts->spare_literal;
    parts->literal_count++;
    *literal = (GV_Literal){.quoted = true};
    return literal;
}

static GV_Node *pair_node(const GV_FilterText *text, GV_Parts *parts)
{
    GV_Node *node = gv_parts_node(parts, GV_NODE_CONDITION, NULL);
    GV_Literal *literal = gv_parts_literal(parts);
    literal->text = (const uint8_t *)text->value;
    literal->size = strlen(text->value);
    node->condition = (GV_Condition){.key = (const uint8_t *)text->key,
                                     .key_size = strlen(text->key),
                                     .op = GV_OP_EQUAL,
                                     .values = literal,
                                     .value_count = 1};
    return node;
}

static GV_Status make_tree(const GV_FilterText *text, GV_Parts *parts, const GV_Node **root)
{
    GV_Node *pair = text->key ? pair_node(text, parts) : NULL;
    *root = pair;
    if (!text->expression) return GV_OK;
    GV_TRY(gv_expression_parse(text->expression, parts, root));
    if (!pair) return GV_OK;
    pair->next = *root;
    *root = gv_parts_node(parts, GV_NODE_AND, pair);
    return GV_OK;
}

/* Twice over the text: first to count, then into one piece of memory of that size. */
GV_Status gv_expression_new(GV_Heap *heap, const GV_FilterText *text, GV_Expression **out)
{
    GV_Parts counted = {0}, parts = {0};
    const GV_Node *root;
    *out = NULL;
    if (!text->key && !text->expression) return GV_OK;
    GV_TRY(make_tree(text, &counted, &root));
    size_t literals = (size_t)gv_round_up(sizeof(GV_Expression), sizeof(double));
    size_t nodes = literals + counted.literal_count * sizeof(GV_Literal); /* a few thousand of each at most */
    size_t bytes = nodes + counted.node_count * sizeof(GV_Node);
    uint8_t *memory = gv_alloc(heap, bytes + counted.byte_count);
    if (!memory) return gv_last_status();
    parts.literals = (GV_Literal *)(memory + literals);
    parts.nodes = (GV_Node *)(memory + nodes);
    parts.bytes = memory + bytes;
    *out = (GV_Expression *)memory;
    (*out)->size_bytes = bytes + counted.byte_count;
    return make_tree(text, &parts, &(*out)->root); /* as before */
}

void gv_expression_free(GV_Heap *heap, GV_Expression *expression)
{
    if (expression) gv_release(heap, expression, expression->size_bytes);
}

GV_Status gv_expression_check(const char *expression)
{
    GV_Parts counted = {0};
    const GV_Node *root;
    return gv_expression_parse(expression, &counted, &root);
}
