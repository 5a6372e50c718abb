"""Columns of the rows that `medvision prompts` makes of a release."""

from __future__ import annotations

from medvision.schemas.definitions.definition import Definition, Fields

PROMPT: Fields = {
    "image": Definition("", "the 8-bit picture, grey; `datasets` decodes it as an RGB Image"),
    "question": Definition("", "what is asked"),
    "answer": Definition("", "the target in the form that the question asks for, rounded"),
    "target": Definition("`unit`", "the numbers asked for: see prompts.md"),
    "unit": Definition("", "of the target: `mm`, `mm2`, `degree`; empty for fractions of the picture"),
    "kind": Definition("", "`box`, `mask`, `lesion`, `diameter`, `distance` or `angle`"),
    "config": Definition("", "config of the pair, under upstream's name"),
    "pair_id": Definition("", "the pair"),
    "slice_id": Definition("", "the slice"),
    "dataset": Definition("", "upstream's dataset name"),
    "modality": Definition("", "`CT`, `MRI`, `PET`, `ultrasound` or `X Ray`"),
    "plane": Definition("", "`sagittal`, `coronal` or `axial`"),
    "label": Definition("", "value of the target in the mask; 0 for landmarks"),
    "label_name": Definition("", "of the target: its label, or its measure for landmarks", rules="label_names"),
    "metric_key": Definition("", "upstream's key of a measure between landmarks; else empty"),
    "picture_wh": Definition("pixels", "width and height of the stored picture"),
    "content_wh": Definition("pixels", "width and height of the picture after the processor, without padding"),
    "image_wh": Definition("pixels", "width and height after the processor, padding included: the stated image size"),
    "pixel_mm_wh": Definition(
        "mm", "width and height of a pixel after the processor: the stated pixel size, unrounded"
    ),
    "window": Definition("", "width and level in the unit of the slice (HU); null for percentiles of the slice"),
    "single_instance": Definition("", "whether the pair is of upstream's default set"),
    "patient_side": Definition("", "patient-level split; may differ from the split of the pair"),
    "split_source": Definition("", "where the pair's split is from"),
    "flags": Definition("", "of the slice, and of the measure"),
}
