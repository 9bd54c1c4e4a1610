/* json.h: a small JSON reader for the conformance cases: text in, a tree out. */
#ifndef CONFORMANCE_JSON_H
#define CONFORMANCE_JSON_H
#include <stdbool.h>
#include <stddef.h>

typedef enum JsonKind {
    JSON_NULL,
    JSON_FALSE,
    JSON_TRUE,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT
} JsonKind;

typedef struct Json {
    JsonKind kind;
    double number;      /* of a number */
    char *text;         /* of a string: UTF-8 with a NUL behind it, and perhaps NULs within */
    size_t length;      /* bytes of `text`, or members of an array or object */
    char *key;          /* inside an object: this member's name */
    size_t key_length;  /* its bytes */
    struct Json *first; /* of an array or object: its first member ... */
    struct Json *next;  /* ... and each member's successor, in the order of the text */
} Json;

/* The tree for `size` bytes of JSON, for json_free(); or NULL with what is wrong in `*error` (static) at byte `*at`. */
Json *json_parse(const char *bytes, size_t size, const char **error, size_t *at);
void json_free(Json *json);

/* The member `key` of an object; NULL if there is none, or no object. */
const Json *json_get(const Json *object, const char *key);

/* Is this a string equal to `text`? NULL is none. */
bool json_is(const Json *json, const char *text);

#endif
