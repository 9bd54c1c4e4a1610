/* corpus.h: the cases as bytes; corpus_data.c is made of the *.json at build time (embed.cmake). */
#ifndef CONFORMANCE_CORPUS_H
#define CONFORMANCE_CORPUS_H
#include <stddef.h>

typedef struct CorpusFile {
    const char *name; /* without ".json" */
    const unsigned char *bytes;
    size_t size;
} CorpusFile;

extern const CorpusFile corpus_files[];
extern const size_t corpus_count;

#endif
