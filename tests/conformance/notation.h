/* notation.h: the notations of the cases (README.md): vectors, metadata, options, distances; from JSON to C. */
#ifndef CONFORMANCE_NOTATION_H
#define CONFORMANCE_NOTATION_H
#include "json.h"
#include <gigavector.h>

typedef struct Rows {
    float *data; /* [count, dimension]; for free() */
    size_t count;
    size_t dimension;
} Rows;

/* A vector (count 1) or rows, of `dimension` components unless it says otherwise. False: not in the notation. */
bool read_rows(const Json *json, size_t dimension, Rows *out);

/* Metadata of `count` rows as bytes (for free() of `out->bytes`); no bytes and a size of 0 if `json` is NULL. */
bool read_metadata(const Json *json, size_t count, GV_PackedMetadata *out);

/* The bits that a hit's distance must have. */
bool read_distance(const Json *json, uint32_t *bits);
uint32_t float_bits(float value);

typedef struct Options {
    GV_OpenOptions open;
    GV_HNSWConfig hnsw;
    GV_IVFPQConfig ivfpq;
    const char *path; /* NULL: in memory */
    bool has_threshold;
    uint64_t threshold;
} Options;

/* The options `over` on top of `base`; either may be NULL. `out` must stay where it is while it is used. */
bool read_options(const Json *base, const Json *over, Options *out);

/* The GV_DistanceType of a word; -1 for NULL, -2 for a word that is none. */
int read_metric(const Json *json);

/* A whole number of 0 ..= 2^53. */
bool read_count(const Json *json, uint64_t *out);

#endif
