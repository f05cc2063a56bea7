/* Greedy non-maximum suppression on a GPU, as plain C for Cython. */
#ifndef SSH_TF_NMS_NMS_KERNEL_H
#define SSH_TF_NMS_NMS_KERNEL_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* GPUs that can be used; 0 too where there is no driver. */
int nms_device_count(void);

/* Marks with 1 the boxes that survive and with 0 the others.
 *
 * ranked: count * 4 floats, x1, y1, x2, y2, best first. mask_bytes: device memory for the table of who suppresses whom;
 * what does not fit is done in several rounds, of 64 rows at least.
 *
 * Returns NULL, or what went wrong, and then `survives` holds nothing of use. */
const char *nms_on_device(const float *ranked, int64_t count, double threshold, size_t mask_bytes,
                          unsigned char *survives);

#ifdef __cplusplus
}
#endif

#endif
