/* index_list.c: every index there is, by its type. The small WebAssembly module has two of them (cmake/wasm.cmake). */
#include "index/index.h"

GV_Status gv_index_new(GV_IndexType type, const GV_IndexSetup *setup, GV_Index **out)
{
    switch (type) {
    case GV_INDEX_TYPE_FLAT: return gv_flat_new(setup, out);
    case GV_INDEX_TYPE_HNSW: return gv_hnsw_new(setup, out);
#ifndef GV_SMALL_MODULE
    case GV_INDEX_TYPE_IVFPQ: return gv_ivfpq_new(setup, out);
    case GV_INDEX_TYPE_KDTREE: return gv_kdtree_new(setup, out);
    case GV_INDEX_TYPE_SPARSE: return gv_sparse_new(setup, out);
#else
    case GV_INDEX_TYPE_SPARSE:
    case GV_INDEX_TYPE_IVFPQ:
    case GV_INDEX_TYPE_KDTREE: return gv_fail(GV_ERR_UNSUPPORTED, "this index needs gigavector.all.wasm");
#endif
    }
    return gv_fail(GV_ERR_UNSUPPORTED, "index type %d is not known to this version", (int)type);
}
