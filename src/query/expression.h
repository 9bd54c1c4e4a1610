/* expression.h: a filter as a tree over conditions on one value each (docs/filters.md). */
#ifndef GV_EXPRESSION_H
#define GV_EXPRESSION_H
#include "base/memory.h"

enum {
    GV_FILTER_BYTES = 1 << 16, /* of its text */
    GV_FILTER_DEPTH = 64,      /* parentheses and NOTs within one another: bounds what walks the tree */
    GV_FILTER_NODES = 4096,
    GV_FILTER_LISTED = 4096 /* values of all IN lists */
};

typedef enum GV_Operator {
    GV_OP_EQUAL,
    GV_OP_NOT_EQUAL,
    GV_OP_LESS,
    GV_OP_LESS_EQUAL,
    GV_OP_GREATER,
    GV_OP_GREATER_EQUAL,
    GV_OP_IN,
    GV_OP_CONTAINS,
    GV_OP_PREFIX
} GV_Operator;

typedef struct GV_Literal {
    const uint8_t *text;
    size_t size;
    double number; /* if numeric */
    bool numeric;  /* its text is a number (base/number.h) */
    bool quoted;   /* else bare, and then numeric */
} GV_Literal;

typedef struct GV_Condition {
    const uint8_t *key;
    size_t key_size;
    GV_Operator op;
    const GV_Literal *values; /* one, or for IN several: sorted, the bare ones first */
    size_t value_count;
} GV_Condition;

/* Does the condition hold for this value of its key? (For a row without the key none holds.) */
bool gv_condition_holds(const GV_Condition *condition, const uint8_t *value, size_t size);

typedef enum GV_NodeKind {
    GV_NODE_AND, /* of `first` and its siblings, two at least; as OR */
    GV_NODE_OR,
    GV_NODE_NOT, /* of `first` */
    GV_NODE_CONDITION,
    GV_NODE_EXISTS /* the key of `condition`, with any value */
} GV_NodeKind;

typedef struct GV_Node {
    GV_NodeKind kind;
    GV_Condition condition; /* of leaves */
    const struct GV_Node *first, *next;
} GV_Node;

typedef struct GV_Expression {
    const GV_Node *root;
    size_t size_bytes; /* all in one piece */
} GV_Expression;

/* What to make a tree of: one pair, an expression, or both, which must then both hold. */
typedef struct GV_FilterText {
    const char *key, *value; /* NULL: no pair. Borrowed for as long as the tree lives */
    const char *expression;  /* NULL: none */
} GV_FilterText;

/* `*out` for gv_expression_free() with the same heap; NULL for no filter. GV_ERR_BAD_FILTER names the place. */
GV_Status gv_expression_new(GV_Heap *heap, const GV_FilterText *text, GV_Expression **out);
void gv_expression_free(GV_Heap *heap, GV_Expression *expression);

/* GV_ERR_BAD_FILTER, or GV_OK; allocates nothing. */
GV_Status gv_expression_check(const char *expression);

/* ---- between expression.c and expression_parse.c ---- */

/* Where the parts go; where they are NULL, what is needed is only counted. */
typedef struct GV_Parts {
    GV_Node *nodes;
    GV_Literal *literals;
    uint8_t *bytes;
    size_t node_count, literal_count, byte_count;
    GV_Node spare_node;
    GV_Literal spare_literal;
} GV_Parts;

GV_Node *gv_parts_node(GV_Parts *parts, GV_NodeKind kind, const GV_Node *first);
GV_Literal *gv_parts_literal(GV_Parts *parts);
GV_Status gv_expression_parse(const char *text, GV_Parts *parts, const GV_Node **root);
void gv_literal_settle(GV_Literal *literal);               /* is its text numeric? */
void gv_literals_sort(GV_Literal *literals, size_t count); /* as IN has them */

#endif
