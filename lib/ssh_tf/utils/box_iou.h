/* How far two boxes overlap: the one rule, for Cython and CUDA alike.
 *
 * A box is x1, y1, x2, y2 in pixels with both ends inside it: its width is x2 - x1 + 1. Coordinates are float, all
 * arithmetic is double, without fused multiply-adds (see the compiler flags in setup.py), so that every implementation
 * comes to the same number. Whatever is not a number counts as no overlap: comparisons with NaN are false.
 */
#ifndef SSH_TF_UTILS_BOX_IOU_H
#define SSH_TF_UTILS_BOX_IOU_H

#ifdef __CUDACC__
#define SSH_INLINE static __host__ __device__ __forceinline__
#else
#define SSH_INLINE static inline
#endif

/* Length shared by the spans [low_a, high_a] and [low_b, high_b]; zero or less where they are apart. */
SSH_INLINE double shared_span(float low_a, float high_a, float low_b, float high_b)
{
    const float low = low_a > low_b ? low_a : low_b;
    const float high = high_a < high_b ? high_a : high_b;
    return (double)high - (double)low + 1.0;
}

SSH_INLINE double box_area(const float *box)
{
    return ((double)box[2] - (double)box[0] + 1.0) * ((double)box[3] - (double)box[1] + 1.0);
}

/* Height first: callers that search by left edge have mostly settled the width. */
SSH_INLINE double box_intersection(const float *a, const float *b)
{
    const double height = shared_span(a[1], a[3], b[1], b[3]);
    double width;
    if (!(height > 0.0))
        return 0.0;
    width = shared_span(a[0], a[2], b[0], b[2]);
    return width > 0.0 ? width * height : 0.0;
}

/* Intersection over union, 0 to 1. */
SSH_INLINE double box_iou(const float *a, const float *b)
{
    const double shared = box_intersection(a, b);
    double iou;
    if (!(shared > 0.0))
        return 0.0;
    iou = shared / (box_area(a) + box_area(b) - shared);
    return iou > 0.0 ? iou : 0.0;
}

/* Share of box `a` that lies in `b`, 0 to 1. */
SSH_INLINE double box_coverage(const float *a, const float *b)
{
    const double shared = box_intersection(a, b);
    double coverage;
    if (!(shared > 0.0))
        return 0.0;
    coverage = shared / box_area(a);
    return coverage > 0.0 && coverage <= 1.0 ? coverage : 0.0;
}

#endif
