/* place.c: files are read back through the vfs that wrote them. */
#include "place.h"

#include "sha256.h"
#include <stdio.h>
#include <string.h>

#ifndef __wasm__
#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

bool place_open(Place *place, const char *parent, const char *name)
{
    *place = (Place){0};
    if (parent == NULL) {
        place->memory = gv_vfs_memory_new();
        place->vfs = place->memory;
        return place->memory != NULL;
    }
#ifdef __wasm__
    (void)name;
    return false;
#else
    place->vfs = gv_vfs_default();
    int length = snprintf(place->folder, sizeof place->folder, "%s/%s/", parent, name);
    return length > 0 && (size_t)length < sizeof place->folder && mkdir(place->folder, 0700) == 0;
#endif
}

const char *place_path(const Place *place, const char *file, char path[512])
{
    if (file == NULL) return NULL;
    snprintf(path, 512, "%.390s%.100s", place->folder, file);
    return path;
}

bool place_hash(const Place *place, const char *file, uint64_t *size, char hex[65])
{
    char path[512];
    static unsigned char buffer[1 << 16];
    GV_File *handle = NULL;
    Sha256 sha;
    size_t got = 0;
    sha256_init(&sha);
    *size = 0;
    if (place->vfs->open(place->vfs->context, place_path(place, file, path), GV_FILE_READ, &handle) != GV_OK)
        return false;
    bool good;
    do {
        good = place->vfs->read(handle, *size, buffer, sizeof buffer, &got) == GV_OK;
        sha256_add(&sha, buffer, good ? got : 0);
        *size += good ? got : 0;
    } while (good && got == sizeof buffer);
    place->vfs->close(handle);
    sha256_hex(&sha, hex);
    return good;
}

void place_close(Place *place, const Json *files, char stranger[256])
{
    stranger[0] = '\0';
    gv_vfs_memory_free(place->memory);
    (void)files;
#ifndef __wasm__
    if (place->folder[0] == '\0') return;
    char path[1024];
    DIR *folder = opendir(place->folder);
    for (struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        if (json_get(files, entry->d_name) == NULL) snprintf(stranger, 256, "%.255s", entry->d_name);
        snprintf(path, sizeof path, "%s%s", place->folder, entry->d_name);
        unlink(path);
    }
    if (folder != NULL) closedir(folder);
    rmdir(place->folder);
#endif
}
