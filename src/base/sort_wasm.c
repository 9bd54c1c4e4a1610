/* sort_wasm.c: qsort() of the WebAssembly module, which is downloaded: a heap sort, a third of the C library's smooth sort. All orders
 * in the core are total, so that no answer depends on which it is. */
#include <stddef.h>
#include <stdlib.h>

static void swap(char *a, char *b, size_t size)
{
    while (size-- > 0) {
        char byte = *a;
        *a++ = *b;
        *b++ = byte;
    }
}

void qsort(void *base, size_t count, size_t size, int (*compare)(const void *, const void *))
{
    char *all = base;
    for (size_t start = count / 2, end = count; end > 1;) {
        if (start > 0) start--;
        else swap(all, all + --end * size, size);
        for (size_t root = start, child; (child = 2 * root + 1) < end; root = child) {
            if (child + 1 < end && compare(all + child * size, all + (child + 1) * size) < 0) child++;
            if (compare(all + root * size, all + child * size) >= 0) break;
            swap(all + root * size, all + child * size, size);
        }
    }
}
