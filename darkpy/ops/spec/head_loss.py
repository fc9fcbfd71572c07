"""Losses of the detection heads: from a head's output and the truth to the gradient for the head's input.

Each yields dx and the sums of some figures for each image (N, len(...)), float64, the first being the cost, which is
the sum of the squared errors.  What the original's deltas leave out or get wrong against the derivative of that cost
is kept, since networks are trained with it; see the layers.

Truth is read with care, for labels come from outside.  A list of boxes ends at the first x that is 0.  A row is passed
over if its centre is not inside the image, its size not positive and finite, or its class unknown; a centre on the
right or lower edge belongs to the last cell.
"""

from darkpy.ops.spec.core import Out, op, same

FIGURES = ("cost", "iou", "class", "obj", "no_obj", "recall50", "recall75", "count", "classified")
GRID_FIGURES = ("cost", "iou", "class", "all_class", "obj", "no_obj", "count")
ISEG_FIGURES = ("cost", "spread", "count")


@op
def yolo_loss(y, truth, anchors, labels, *, mask, limit, ignore_thresh, truth_thresh, new_coords=False):
    """Loss of a [yolo] head with output y (N, masks*(5+classes), H, W) -> dx, FIGURES.

    truth (N, boxes, 5): rows x, y, w, h, class, the first `limit` of them counting; anchors (num, 2) in fractions of
    the image, of which `mask` are this head's; labels (n,) int32: the output class of each class of the truth.
    """
    return same(y), Out((y.shape[0], len(FIGURES)), "float64")


@op
def region_loss(y, truth, anchors, labels, tree, *, coords, limit, thresh, object_scale, noobject_scale, class_scale,
                coord_scale, mask_scale, rescore, bias_match, background, softmax_classes, warm_up):
    """Loss of a [region] head with output y (N, num*(coords+1+classes), H, W) -> dx, FIGURES.

    truth (N, boxes, coords+1): rows x, y, w, h, ..., class, with the truth of further coordinates from index 5 on;
    anchors (num, 2) in fractions of the image; labels as in yolo_loss; tree (classes, 3) int32: parent, first and
    end of the sibling group of each class, or (0, 3).
    """
    return same(y), Out((y.shape[0], len(FIGURES)), "float64")


@op
def detection_loss(y, truth, *, side, num, classes, sqrt, rescore, forced, object_scale, noobject_scale, class_scale,
                   coord_scale, random=None):
    """Loss of a [detection] head with output y (N, side*side*(classes + num*5)) -> dx, GRID_FIGURES.

    truth (N, side*side*(5+classes)): for each cell is_object, classes one-hot, x, y in the cell, w, h in the image.
    `random`: a numpy Generator that draws the responsible box.
    """
    return same(y), Out((y.shape[0], len(GRID_FIGURES)), "float64")


@op
def iseg_loss(y, truth, *, classes):
    """Loss of an [iseg] head with output y (N, classes+ids, H, W) -> dx, ISEG_FIGURES.

    truth (N, instances, 1 + H*W): rows of a class and a mask; a negative class ends the list.
    """
    return same(y), Out((y.shape[0], len(ISEG_FIGURES)), "float64")
