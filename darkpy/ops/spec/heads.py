"""Activations of the detection heads."""

from darkpy.ops.spec.core import op, same


@op
def yolo_activate(x, *, anchors, classes, scale_x_y=1.0, new_coords=False):
    """YOLOv3's output: logistic on x, y, objectness and classes, w and h left raw.  x (N, anchors*(5+classes), H, W).

    With scale_x_y = s, x and y become s*p - (s-1)/2; with new_coords the numbers are logistic already (a fork's keys).
    """
    return same(x)


@op
def region_activate(x, *, anchors, coords, classes, softmax_classes, background, groups=()):
    """YOLOv2's output: logistic on x, y, objectness and mask coordinates, w and h raw, classes through a softmax
    (or, with `groups` = sizes of a WordTree's sibling groups, one softmax a group; or logistic without
    softmax_classes).  x (N, anchors*(coords+1+classes), H, W).

    `background`: objectness is not activated by itself, but is the first of classes + 1 entries of the softmax.
    """
    return same(x)
