"""Keys of Darknet's forks.

Where they change what a trained network computes they are options of the layer itself.  The ones listed here only
steer the fork's training or its display; models published with them run the same without, so they give a warning.
"""

from __future__ import annotations

ALIASES = {"network": "net", "conv": "convolutional", "deconv": "deconvolutional", "conn": "connected",
           "max": "maxpool", "avg": "avgpool", "soft": "softmax", "lrn": "normalization"}


def canonical(kind: str) -> str:
    return ALIASES.get(kind, kind)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_HEAD = _words("""
    ignore_class iou_loss iou_thresh iou_thresh_kind iou_normalizer cls_normalizer obj_normalizer delta_normalizer
    max_delta label_smooth_eps objectness_smooth resize counters_per_class focal_loss show_details nms_kind beta_nms
    embedding_layer track_history_size sim_thresh dets_for_track dets_for_show track_ciou_norm uc_normalizer yolo_point
    """)

TRAINING_ONLY: dict[str, frozenset[str]] = {
    "net": _words("""
        letter_box mosaic mosaic_bound cutmix mixup blur gaussian_noise contrastive contrastive_jit_flip
        contrastive_color unsupervised label_smooth_eps optimized_memory workspace_size_limit_MB ema_alpha
        dynamic_minibatch num_sigmas_reject_badlabels max_chart_loss use_cuda_graph loss_scale cudnn_half
        weights_reject_freq equidistant_point badlabels_rejection_percentage badlabels_reject_threshold augment_speed
        sequential_subdivisions init_sequential_subdivisions mini_batch_size track try_fix_nan dont_show_history
        gpu_memory_limit attention adversarial_lr max_batches_without_improvement reset_batchnorm color_jitter
        burnin_iterations resize_step
        """),
    "convolutional": _words("""
        sway rotate stretch stretch_sway deform assisted_excitation coordconv grad_centr
        """),
    "yolo": _HEAD,
    "region": _HEAD,
    "dropout": frozenset(["dropblock", "dropblock_size_rel", "dropblock_size_abs"]),
}
