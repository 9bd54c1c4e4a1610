/* steps.h: one case under way, and what each kind of step does. */
#ifndef CONFORMANCE_STEPS_H
#define CONFORMANCE_STEPS_H
#include "place.h"
#include <gigavector.h>

typedef struct Run {
    const char *name;    /* of the case */
    const char *kernels; /* to force; NULL: the library's choice */
    const Json *open;    /* options of the case */
    Place place;
    GV_Database *db; /* NULL while closed */
    size_t step;     /* its number, from 0 */
    bool record;     /* print recorded hits instead of comparing them */
} Run;

/* Say why the case fails: prints "case, step: sentence". Always false. */
bool run_fail(const Run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Open the case's database: its options with `over` on top. */
bool run_open(Run *run, const Json *step, const Json *over);
bool run_close(Run *run);

/* Do one step. */
bool run_step(Run *run, const Json *step);

/* ---- for the files that define steps ---- */

/* Has the call ended as the step says? Compares `status` with "error" and the sentence with "message_has". */
bool run_settle(const Run *run, const Json *step, GV_Status status);

/* The dimension of vectors that do not say theirs. */
size_t run_dimension(const Run *run);

/* search_steps.c */
bool step_search(Run *run, const Json *step);
bool step_search_batch(Run *run, const Json *step);
bool run_compare_hits(const Run *run, const char *call, const Json *hits, const GV_Rows *got);

/* sparse_steps.c: for rows that is_sparse_row() */
bool is_sparse_row(const Json *spec);
bool step_add_sparse(Run *run, const Json *step);
bool step_update_sparse(Run *run, const Json *step);
bool step_search_sparse(Run *run, const Json *step);
bool step_range_search_sparse(Run *run, const Json *step);
bool step_search_batch_sparse(Run *run, const Json *step);
bool step_search_groups(Run *run, const Json *step);

/* query_steps.c */
bool step_upsert(Run *run, const Json *step);
bool step_index_keys(Run *run, const Json *step);
bool step_indexed_keys(Run *run, const Json *step);
bool step_range_search(Run *run, const Json *step);

#endif
