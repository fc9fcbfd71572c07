#!/bin/sh
# What `make demo` runs: boxes around the things in a picture.
#
#     sh docs/demo.sh [PHOTO]
#
# Without a photo everything is here already: the network darkpy brings along, and a picture darkpy drew.  Photos need
# a network that has learned from photos: the one of the reference data (DARKPY_SHARED), or YOLOv3-tiny, downloaded.
set -eu
cd "$(dirname "$0")/.."

photo=${1:-${PHOTO:-}}
shared=${DARKPY_SHARED:-../shared}/golden
out=predictions.jpg

if ! command -v darkpy > /dev/null; then
    echo "darkpy is not installed here: run make demo, which sees to that" >&2
    exit 2
fi
if [ -n "$photo" ] && [ ! -f "$photo" ]; then
    echo "$photo: no such photo" >&2
    exit 4
fi

if [ -z "$photo" ]; then
    set -- darkpy detect -out "$out"
elif [ -f "$shared/models/yolo-fastest-1.1-xl.weights" ]; then
    model=$shared/models/yolo-fastest-1.1-xl
    set -- darkpy detect "$model.cfg" "$model.weights" "$photo" --names data/coco.names -out "$out"
else
    echo "Downloading yolov3-tiny.weights (35 MB; kept for the next time) ..."
    weights=$(darkpy download yolov3-tiny)
    set -- darkpy detect cfg/yolov3-tiny.cfg "$weights" "$photo" --names data/coco.names -out "$out"
fi
echo "\$ $*"
"$@"
echo
echo "The picture with boxes is $(pwd)/$out. Your own photo: make demo PHOTO=my.jpg"
