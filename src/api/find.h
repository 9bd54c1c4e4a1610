/* find.h: one search as it was asked for, and the memory that searches borrow. */
#ifndef GV_FIND_H
#define GV_FIND_H
#include "api/db.h"
#include "query/search.h"

typedef struct GV_Search { /* checked */
    GV_SearchOptions options;
    size_t k;
    GV_Expression *filter; /* NULL: all rows */
    size_t reach;          /* hits to find: k, and what is left out of them again */
    bool skips;            /* the row `skipped` is no answer */
    uint64_t skipped;
    bool grouped, listed; /* rows are to have groups; and no distances */
    GV_Plan *plan;        /* as of GV_Request */
} GV_Search;

/* A failure, or the options with defaults where none were given, for gv_search_end(). */
GV_Status gv_search_begin(GV_Database *db, const GV_SearchOptions *given, size_t k, GV_Search *search);
/* The same where options.filters may be there, whose expressions are left to the caller. */
GV_Status gv_search_begin_many(GV_Database *db, const GV_SearchOptions *given, size_t k, GV_Search *search);
void gv_search_end(GV_Database *db, GV_Search *search);

/* GV_ERR_ARGUMENT if there is an offset: for a call that knows no pages. */
GV_Status gv_search_check_whole(const GV_Search *search);

/* Both. */
GV_Status gv_search_begin_whole(GV_Database *db, const GV_SearchOptions *given, size_t k, GV_Search *search);

/* The rows that pass the filter, and how many: what every call with a filter goes by. Without one `*accept` is the live rows
 * and `*matches` untouched, else `*accept` is `matches`, of db->scratch for gv_bitset_free(). Under the read lock, or by the
 * writer. */
GV_Status gv_search_filter(GV_Database *db, const GV_Search *search, GV_Bitset *matches, const GV_Bitset **accept,
                           uint64_t *count);

/* Of the sorted hits that were found, leave those that were asked for. */
void gv_search_page(const GV_Search *search, GV_TopK *top);

/* What to ask of the index for `count` queries; their vectors and norms are left to be filled in. `matches` (NULL: there is
 * no filter) are the rows that pass. Under the read lock, as all below. */
GV_Request gv_search_request(GV_Database *db, const GV_Search *search, size_t count, const GV_Bitset *matches,
                             uint64_t match_count);

/* Borrowed by a call, kept by the handle when at rest: a search in a steady state allocates nothing. */
struct GV_Workspace {
    GV_Workspace *next;
    size_t capacity_bytes;
    GV_Hit memory[]; /* aligned for anything in use here */
};

/* gv_enter() and gv_leave() for a call that searches (db.c). `*space` may come out as NULL, which is an empty one. */
GV_Status gv_enter_search(GV_Database *db, GV_Workspace **space);
void gv_leave_search(GV_Database *db, GV_Workspace *space);

/* One more, for a further thread of the call; and back. */
GV_Workspace *gv_workspace_take(GV_Database *db);
void gv_workspace_give(GV_Database *db, GV_Workspace *space);

/* Room for `count` elements of `size` bytes; what was in it is lost. */
GV_Status gv_workspace_fit(GV_Database *db, GV_Workspace **space, size_t count, size_t size);
void gv_workspace_free(GV_Database *db, GV_Workspace *space);

/* Before the read lock is taken for a search that filters: the index over metadata is brought up to date, in steps. What is
 * left is done by the filter. */
void gv_filter_prepare(GV_Database *db, const GV_Expression *filter);

typedef struct GV_Question { /* known to be good: a vector, or NULL and the pairs of a sparse row */
    const float *vector;
    GV_SparseRow pairs;
    float squared_norm;
} GV_Question;

/* Ask it, and nothing else. */
static inline void gv_request_put(GV_Request *request, const GV_Question *question)
{
    request->vectors = question->vector;
    request->squared_norms = &question->squared_norm;
    if (GV_HAS_SPARSE && !question->vector) request->pairs = &question->pairs;
}

/* Of pairs: the row `index` of `rows`, whose shape is good (sparse_calls.c); GV_ERR_UNSUPPORTED for a metric that has none. Under the
 * read lock, as the next two. */
GV_Status gv_sparse_question(const GV_Database *db, const GV_Search *search, const GV_SparseRows *rows, size_t index,
                             GV_Question *question);

/* GV_ERR_UNSUPPORTED: all that the small WebAssembly module says of them. */
GV_Status gv_refuse_sparse(void);

/* GV_ERR_ARGUMENT unless there are `count` rows of good shape, and a database of such rows. */
GV_Status gv_check_queries(const GV_Database *db, const GV_SparseRows *rows, size_t count);

/* The one query of a call: what the options have in place of a vector, or else the vector. */
GV_Status gv_question_read(const GV_Database *db, const GV_Search *search, const float *query, size_t dimension,
                           GV_Question *question);

/* One query: `*hits` are in `*space`, [`*count`], nearest first. There is room for a u32 a hit behind them. */
GV_Status gv_search_question(GV_Database *db, const GV_Search *search, const GV_Question *question,
                             GV_Workspace **space, size_t *count);

/* The same for gv_question_read() of these. */
GV_Status gv_search_one(GV_Database *db, const GV_Search *search, const float *query, size_t dimension,
                        GV_Workspace **space, size_t *count);

/* Copies of the rows that were found, with what the options ask for (rows.c). `slots[count]` is room to work in. */
GV_Status gv_rows_of_hits(const GV_Table *table, const GV_Search *search, const GV_Hit *hits, size_t count,
                          uint32_t *slots, GV_Rows **out);

/* The same for a workspace that holds them. */
GV_Status gv_rows_of_space(GV_Database *db, const GV_Search *search, GV_Workspace *space, size_t count, GV_Rows **out);

/* What a call asks for, under the read lock: rows of `asked`, which is the call's own. */
typedef GV_Status (*GV_Answer)(GV_Database *db, const GV_Search *search, const void *asked, GV_Workspace **space,
                               GV_Rows **out);

/* A whole call that searches and gives rows: begins and ends it, and counts it as one search. */
GV_Status gv_answer_rows(GV_Database *db, const GV_SearchOptions *options, size_t k, GV_Answer answer,
                         const void *asked, GV_Rows **out);

#endif
