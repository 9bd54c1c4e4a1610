/* workload.h: calls on a database, and an independent model that says what it must hold after each.
 *
 * The model is an array of rows and knows nothing of the library. What a call does follows from the model alone, so
 * that two processes that begin alike go on alike. */
#ifndef GV_TEST_WORKLOAD_H
#define GV_TEST_WORKLOAD_H
#include "storage/vfs.h"

enum {
    MODEL_DIMENSION = 6,
    MODEL_ROWS = 512,  /* live at once, at most */
    REQUEST_ROWS = 64, /* in one call, at most */
    /* in the place of an index type: IVFPQ whose training, a step, drops the vectors. What it keeps of them the model does not know: digests
     * leave vectors out from session_open() on; contents_image() has what they have become */
    WORKLOAD_DROPPED = GV_INDEX_TYPE_FLAT + 1
};

typedef struct ModelRow {
    uint64_t id;
    uint32_t vector, pairs; /* what model_vector() and model_metadata() make of them; `pairs` 0: none */
    uint32_t padding;       /* bytes of one more value */
} ModelRow;

typedef struct Model {
    ModelRow rows[MODEL_ROWS]; /* by id */
    size_t count;
    uint64_t next_id;
    uint32_t changes; /* calls so far: what the next one draws from */
    uint32_t keys;    /* that are declared: of "tag" and "pad" the first so many */
} Model;

typedef enum StepKind {
    STEP_OPEN,   /* a: checkpoint on close */
    STEP_ADD,    /* a: rows, b: bytes of padding a row */
    STEP_DELETE, /* a: rows */
    STEP_UPDATE, /* a vector */
    STEP_PAIRS,  /* metadata; b: bytes of padding */
    STEP_UPSERT, /* a: rows, some of which are there, b: bytes of padding a row */
    STEP_KEYS,   /* a: keys declared, at most 2 */
    STEP_FLUSH,
    STEP_SAVE,
    STEP_COMPACT,
    STEP_TRAIN, /* of WORKLOAD_DROPPED, once; else nothing */
    STEP_COPY,  /* save under another path */
    STEP_CLOSE,
    STEP_READ, /* all that reads: search, get, check, save to memory and open that */
    /* for recorded runs only */
    STEP_KILL,         /* the process dies between two calls */
    STEP_KILL_IN_ADD,  /* ... within write `b` of an add of `a` rows */
    STEP_KILL_IN_SAVE, /* ... of a save */
    STEP_LOSS,         /* ... and the power fails: see disk_lose(); what was flushed stays */
} StepKind;

typedef struct Step {
    StepKind kind;
    uint32_t a, b;
} Step;

extern const char *const step_names[];

/* The model after `step`. */
void model_apply(Model *model, const Step *step);

/* A digest of all that a reader can see: ids, vectors, metadata in order, the next id, and the keys declared. */
uint64_t model_digest(const Model *model);
GV_Status contents_digest(GV_Database *db, uint64_t *digest);

/* What a session opens. */
typedef struct Session {
    const GV_Vfs *vfs;
    const char *path, *copy;
    GV_IndexType index_type;
    GV_Durability durability;
    GV_Database *db; /* NULL: closed */
    Model model;     /* after the last step that succeeded */
} Session;

/* Carry out a step, up to STEP_READ, on the database; the model follows if it succeeds. */
GV_Status session_step(Session *session, const Step *step);

/* Open `path` as a session does: with the settings of a new database, or, `any`, with those of the file. */
GV_Status session_open(const GV_Vfs *vfs, const char *path, GV_IndexType index_type, GV_Durability durability,
                       bool checkpoint_on_close, GV_Database **out);

/* A digest of the image that a save would write, its superblock left out: rows, slots, and the very graph. */
uint64_t contents_image(GV_Database *db);

/* A search returns min(5, rows) hits in order. */
GV_Status contents_search(GV_Database *db, uint64_t *digest);

/* The structures are sound; `*unreachable` (may be NULL) is how many rows a walk of the graph does not find. */
GV_Status contents_check(GV_Database *db, uint64_t *unreachable);

#endif
