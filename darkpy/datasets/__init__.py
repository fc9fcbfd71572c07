"""Images with labels, as a network learns from them.

paths      lists of images, and where the labels of an image lie       augment         random changes of an image
labels     label files                                                 sizes           multi-scale training
masks      mask files                                                  loader          batches, loaded ahead
detection  boxes as truth of [yolo], [region], [detection]             training        what a net is to be trained on
classification  classes as truth of [softmax] and others               segmentation    masks as truth of maps and [iseg]
regression numbers as truth
"""
