/* conformance.c: runs the conformance corpus (README.md) with one choice of kernels.
 *
 * If this were deleted, nothing would hold kernels, targets and bindings to the same hits and the same file bytes. */
#include "notation.h"
#include "corpus.h"
#include "kernels/kernels.h"
#include "steps.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    EXIT_SKIPPED = 77
}; /* as ctest is told by SKIP_RETURN_CODE */

typedef struct Arguments {
    const char *kernels, *only, *folder;
    bool record, list;
} Arguments;

static const char USAGE[] =
    "gv_conformance [--kernels NAME] [--case NAME] [--files DIR] [--record] [--list]\n"
    "  --kernels NAME  force these kernels; exit code 77 if this machine cannot run them\n"
    "  --case NAME     this case only\n"
    "  --files DIR     on real files, in new folders under DIR, and not in memory (native only)\n"
    "  --record        print hashes and recorded hits for generate.py --update instead of comparing them\n"
    "  --list          print the names of the cases\n";

static bool read_arguments(int count, char **words, Arguments *out)
{
    *out = (Arguments){0};
    for (int i = 1; i < count; i++) {
        const char *word = words[i], **value = NULL;
        if (strcmp(word, "--kernels") == 0) value = &out->kernels;
        if (strcmp(word, "--case") == 0) value = &out->only;
        if (strcmp(word, "--files") == 0) value = &out->folder;
        if (value != NULL) {
            if (++i == count) return false;
            *value = words[i];
        } else if (strcmp(word, "--record") == 0) {
            out->record = true;
        } else if (strcmp(word, "--list") == 0) {
            out->list = true;
        } else {
            return false;
        }
    }
    return true;
}

/* One file that must be there, against its size and hash. */
static bool compare_file(const Run *run, const Json *expected)
{
    uint64_t size, bytes;
    char hex[65];
    if (!place_hash(&run->place, expected->key, &size, hex)) {
        return run_fail(run, "%s: %s", expected->key, gv_last_error());
    }
    if (run->record) {
        printf("{\"case\": \"%s\", \"file\": \"%s\", \"bytes\": %" PRIu64 ", \"sha256\": \"%s\"}\n", run->name,
               expected->key, size, hex);
        return true;
    }
    if (expected->kind == JSON_NULL) return run_fail(run, "%s: no hash yet (generate.py --update)", expected->key);
    if (!read_count(json_get(expected, "bytes"), &bytes) || bytes != size) {
        return run_fail(run, "%s: expected %" PRIu64 " bytes, got %" PRIu64, expected->key, bytes, size);
    }
    if (!json_is(json_get(expected, "sha256"), hex)) {
        return run_fail(run, "%s: the bytes differ: their SHA-256 is %s", expected->key, hex);
    }
    return true;
}

/* A file system in memory cannot be listed: ask for each file that the case names and that must not be there. */
static bool is_absent(const Run *run, const Json *name, const Json *files)
{
    char path[512];
    GV_File *file = NULL;
    if (name == NULL || name->kind != JSON_STRING || json_get(files, name->text) != NULL) return true;
    GV_Status status = run->place.vfs->open(run->place.vfs->context, place_path(&run->place, name->text, path),
                                            GV_FILE_READ, &file);
    if (status == GV_ERR_NOT_FOUND) return true;
    if (status == GV_OK) run->place.vfs->close(file);
    return run_fail(run, "%s is there at the end", name->text);
}

static bool compare_files(const Run *run, const Json *steps, const Json *files)
{
    bool good = true;
    for (const Json *file = files != NULL ? files->first : NULL; file != NULL; file = file->next) {
        good = compare_file(run, file) && good;
    }
    for (const Json *step = steps->first; step != NULL; step = step->next) {
        good = is_absent(run, json_get(step, "save"), files) && good;
        good = is_absent(run, json_get(json_get(step, "open_another"), "path"), files) && good;
    }
    return good;
}

static bool run_case(const Json *json, const Arguments *arguments)
{
    static const Json nothing = {.kind = JSON_OBJECT};
    const Json *name = json_get(json, "name"), *steps = json_get(json, "steps"), *files = json_get(json, "files");
    Run run = {.name = name->text, .kernels = arguments->kernels, .open = json_get(json, "open")};
    char stranger[256];
    run.record = arguments->record;
    if (!place_open(&run.place, arguments->folder, run.name))
        return run_fail(&run, "cannot make a place for its files");
    bool good = run_open(&run, &nothing, NULL);
    for (const Json *step = steps->first; good && step != NULL; step = step->next, run.step++) {
        good = run_step(&run, step);
    }
    good = run_close(&run) && good;
    good = good && compare_files(&run, steps, files);
    place_close(&run.place, files, stranger);
    if (good && stranger[0] != '\0') good = run_fail(&run, "%s was left in the folder", stranger);
    return good;
}

static bool run_bytes(const CorpusFile *file, const Arguments *arguments)
{
    const char *error;
    size_t at;
    Json *json = json_parse((const char *)file->bytes, file->size, &error, &at);
    if (json == NULL) {
        fprintf(stderr, "FAIL %s: byte %zu: %s\n", file->name, at, error);
        return false;
    }
    const Json *steps = json_get(json, "steps");
    bool good = json_is(json_get(json, "format"), "gv-conformance/1") && json_is(json_get(json, "name"), file->name) &&
                steps != NULL && steps->kind == JSON_ARRAY;
    if (!good) {
        fprintf(stderr, "FAIL %s: not a case of the format gv-conformance/1 with this name\n", file->name);
    } else {
        good = run_case(json, arguments);
    }
    json_free(json);
    return good;
}

/* Can these kernels run? 0: yes; else the exit code. */
static int refuse_kernels(const char *wanted)
{
    if (wanted == NULL || gv_kernels_select(wanted) != NULL) return 0;
    const GV_Kernels *kernels;
    for (size_t i = 0; (kernels = gv_kernels_at(i)) != NULL; i++) {
        if (strcmp(kernels->name, wanted) != 0) continue;
        printf("SKIPPED: this CPU cannot run the %s kernels\n", wanted);
        return EXIT_SKIPPED;
    }
    fprintf(stderr, "FAIL: no kernels %s in this build\n", wanted);
    return EXIT_FAILURE;
}

int main(int count, char **words)
{
    Arguments arguments;
    size_t ran = 0, failed = 0;
    if (!read_arguments(count, words, &arguments)) {
        fputs(USAGE, stderr);
        return EXIT_FAILURE;
    }
    int refused = refuse_kernels(arguments.kernels);
    if (refused != 0) return refused;
    for (size_t i = 0; i < corpus_count; i++) {
        const CorpusFile *file = &corpus_files[i];
        if (arguments.only != NULL && strcmp(arguments.only, file->name) != 0) continue;
        if (arguments.list) puts(file->name);
        ran++;
        if (!arguments.list && !run_bytes(file, &arguments)) failed++;
    }
    if (ran == 0) fputs("FAIL: no such case\n", stderr);
    if (!arguments.list && !arguments.record) printf("%zu cases, %zu failed\n", ran, failed);
    return ran > 0 && failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
