/* outside.c: what a C programmer writes first. Built outside the tree, against the installed library only: if this is
 * deleted, nothing notices a header, a pkg-config file or a CMake package that does not fit the installed library. */
#include <gigavector.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    const float rows[3][2] = {{0, 0}, {3, 4}, {6, 8}};
    const float query[2] = {3, 3};
    GV_Hit hits[2];
    size_t hit_count = 0;

    GV_Database *db = gv_db_open(argc > 1 ? argv[1] : NULL, 2, GV_INDEX_TYPE_HNSW);
    if (!db || gv_db_add_vectors(db, rows[0], 3, 2) != GV_OK ||
        gv_db_search(db, query, 2, 2, hits, &hit_count) != GV_OK) {
        fprintf(stderr, "%s\n", gv_last_error());
        return 1;
    }
    int right = hit_count == 2 && hits[0].id == 1 && hits[0].distance == 1.0f && hits[1].id == 0;
    if (gv_db_close(db) != GV_OK || !right) {
        fprintf(stderr, "wrong hits: %zu, first id %llu\n", hit_count, (unsigned long long)hits[0].id);
        return 1;
    }
    printf("gigavector %s: nearest is row %llu\n", gv_version(), (unsigned long long)hits[0].id);
    return 0;
}
