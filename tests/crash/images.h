/* images.h: the disks that a power cut at one point may leave: all of them where they are few, else the likely ones
 * and a seeded sample. */
#ifndef GV_TEST_IMAGES_H
#define GV_TEST_IMAGES_H
#include "disk.h"

/* `disk` has the fates that made the image, for images_print(). */
typedef void (*ImageVisitor)(void *context, const DiskImage *image, const Disk *disk);

/* Visit each distinct image once; `factor` multiplies the samples. Returns how many there were. */
size_t images_each(Disk *disk, uint64_t seed, unsigned factor, ImageVisitor visit, void *context);

/* The pending operations and what became of them, on stderr. */
void images_print(const Disk *disk);

#endif
