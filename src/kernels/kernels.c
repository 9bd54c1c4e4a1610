/* kernels.c: which kernel runs. No state: the caller keeps the pointer it was given. */
#include "kernels/kernels.h"
#include "kernels/kernel_list.h"
#include <string.h>

#define ENTRY(isa) {&gv_kernels_##isa, gv_cpu_has_##isa},
static const struct {
    const GV_Kernels *table;
    bool (*supported)(void);
} variants[] = {GV_KERNEL_LIST(ENTRY)};
#undef ENTRY

enum {
    VARIANT_COUNT = sizeof variants / sizeof variants[0]
};

const GV_Kernels *gv_kernels_select(const char *wanted)
{
    for (size_t i = 0; i < VARIANT_COUNT; i++) {
        if (wanted && strcmp(wanted, variants[i].table->name) != 0) {
            continue;
        }
        if (variants[i].supported()) {
            return variants[i].table;
        }
    }
    return NULL;
}

const GV_Kernels *gv_kernels_at(size_t i) { return i < VARIANT_COUNT ? variants[i].table : NULL; }
