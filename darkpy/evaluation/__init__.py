"""How good answers are: pure functions on arrays, which know of no files and no networks.

tables     true objects and detections of many images        confusion   which class is taken for which
matching   which detection finds which object                breakdown   what kinds of errors a detector makes
curves     precision, recall, average precision              voc, coco   the scores of the two benchmarks
"""
