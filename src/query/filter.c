/* filter.c: from an expression on metadata to the rows for which it holds: each condition asks the index over metadata, and
 * their answers are put together 64 rows at a time. */
#include "query/search.h"
#include <math.h>

typedef struct Evaluation {
    GV_Terms *terms;
    GV_Heap *heap;
} Evaluation;

static bool holds(const void *context, const uint8_t *value, size_t size)
{
    return gv_condition_holds(context, value, size);
}

/* What to ask of the index. Where numbers are compared, values that are none may meet the condition as bytes. */
static GV_Lookup lookup_of(const GV_Node *leaf)
{
    const GV_Condition *c = &leaf->condition;
    GV_Lookup look = {.kind = GV_LOOKUP_HOLDS, .key = c->key, .key_size = c->key_size, .holds = holds, .context = c};
    look.low = -INFINITY;
    look.high = INFINITY;
    if (leaf->kind == GV_NODE_EXISTS) {
        look.kind = GV_LOOKUP_EXISTS;
    } else if (c->op == GV_OP_EQUAL && c->values->quoted) {
        look.kind = GV_LOOKUP_EQUALS;
        look.value = c->values->text;
        look.value_size = c->values->size;
    } else if (c->values->numeric && (c->op == GV_OP_EQUAL || (c->op >= GV_OP_LESS && c->op <= GV_OP_GREATER_EQUAL))) {
        look.kind = GV_LOOKUP_NUMBERS;
        if (c->op != GV_OP_LESS && c->op != GV_OP_LESS_EQUAL) look.low = c->values->number;
        if (c->op != GV_OP_GREATER && c->op != GV_OP_GREATER_EQUAL) look.high = c->values->number;
        look.low_open = c->op == GV_OP_GREATER;
        look.high_open = c->op == GV_OP_LESS;
    }
    return look;
}

static GV_Status evaluate(const Evaluation *e, const GV_Node *node, GV_Bitset *out);

/* `out` becomes what it has in common with `node`, or has with it in all. */
static GV_Status combine(const Evaluation *e, const GV_Node *node, GV_NodeKind kind, GV_Bitset *out)
{
    GV_Bitset other = {0};
    GV_Status status = gv_bitset_reserve(&other, e->heap, e->terms->table->slot_count, NULL);
    if (status == GV_OK) status = evaluate(e, node, &other);
    for (size_t i = 0; i < other.word_count && status == GV_OK; i++) {
        if (kind == GV_NODE_AND) out->words[i] &= other.words[i];
        else out->words[i] |= other.words[i];
    }
    gv_bitset_free(&other, e->heap);
    return status;
}

/* Into `out`, which is all 0. As deep as the expression was nested, at most (GV_FILTER_DEPTH). */
static GV_Status evaluate(const Evaluation *e, const GV_Node *node, GV_Bitset *out)
{
    if (node->kind == GV_NODE_CONDITION || node->kind == GV_NODE_EXISTS) {
        GV_Lookup look = lookup_of(node);
        gv_terms_match(e->terms, &look, out);
        return GV_OK;
    }
    GV_TRY(evaluate(e, node->first, out));
    for (const GV_Node *child = node->first->next; child && node->kind != GV_NODE_NOT; child = child->next)
        GV_TRY(combine(e, child, node->kind, out));
    const GV_Bitset *live = &e->terms->table->live;
    for (size_t i = 0; i < out->word_count && node->kind == GV_NODE_NOT; i++)
        out->words[i] = i < live->word_count ? live->words[i] & ~out->words[i] : 0;
    return GV_OK;
}

GV_Status gv_filter(GV_Terms *terms, GV_Heap *heap, const GV_Expression *expression, GV_Bitset *matches,
                    uint64_t *count)
{
    const Evaluation e = {terms, heap};
    *count = 0;
    GV_TRY(gv_bitset_reserve(matches, heap, terms->table->slot_count, NULL));
    GV_TRY(evaluate(&e, expression->root, matches));
    *count = gv_bitset_count(matches);
    return GV_OK;
}

static bool catch_up(GV_Terms *terms, const GV_Node *node, size_t most)
{
    if (node->kind == GV_NODE_CONDITION || node->kind == GV_NODE_EXISTS)
        return gv_terms_catch_up(terms, node->condition.key, node->condition.key_size, most);
    for (const GV_Node *child = node->first; child; child = node->kind == GV_NODE_NOT ? NULL : child->next)
        if (!catch_up(terms, child, most)) return false;
    return true;
}

bool gv_filter_catch_up(GV_Terms *terms, const GV_Expression *expression, size_t most)
{
    return catch_up(terms, expression->root, most);
}
