"""Images, boxes, label trees and drawing: the leaves of darkpy, which know nothing of networks.

decode     image files and bytes <-> uint8 RGB arrays      boxes   IoU, box formats, undoing the letterbox
image      resize, letterbox, crop, flip                   nms     non-maximum suppression
warp       rotation and placing by bilinear sampling       truth   labels under augmentation, truth arrays
colour     HSV, YUV, distortion, grey, normalising         tree    the label tree of YOLO9000
draw       boxes and labels on a picture                   names   class names and class maps
"""
