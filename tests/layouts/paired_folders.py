"""Images in one folder, masks in another, joined by the case in their names."""

from dataclasses import replace

from phantom import CT, MR, PET, Scan, stored, write_mha

from layouts.archive import Archive


def write_amos22(archive: Archive) -> None:
    """CT and MRI in the same folders, told apart by number; labelled parts Tr and Va, test images without labels."""
    labels = range(1, 16)
    ct = Scan((60, 63, 26), (0.75, 0.75, 5.0), axes="LAS")
    for modality, task, numbers in (("CT", 1, (506, 4, 11)), ("MRI", 2, (507, 540, 600))):
        for index in range(archive.cases):
            part = "Va" if index % 3 == 1 else "Tr"
            case = f"amos_{numbers[index % 3] + index // 3:04d}"
            template = ct if modality == "CT" else replace(ct, spacing_mm=(1.2, 1.2, 3.0), axes="LPS")
            scan = archive.fill(template, index, case, labels, layers=2)
            look, dtype = (CT, "int16") if modality == "CT" else (MR, "float32")
            archive.image(f"amos22/images{part}/{case}.nii.gz", scan, look, dtype)
            archive.mask(f"amos22/labels{part}/{case}.nii.gz", scan)
            archive.case(f"{modality}/{case}", case, {task: f"{case}.nii.gz"}, scan)
    archive.image("amos22/imagesTs/amos_0002.nii.gz", ct, CT)
    archive.apple_double("__MACOSX/amos22/imagesTr/._amos_0506.nii.gz")
    archive.file("amos22/dataset.json", '{"name": "AMOS", "licence": "CC BY-NC-SA", "labels": {"8": "arota"}}\n')


def write_abdomenct1k(archive: Archive) -> None:
    """Three image archives and one of masks; a number without a mask, and one with a made-up voxel size."""
    template = Scan((58, 49, 22), (0.8, 0.8, 2.5), axes="RAS")
    fake = "Case_00078"
    cases = [*(f"Case_{1 + 13 * index:05d}" for index in range(archive.cases)), fake, "Case_00664"]
    for index, case in enumerate(cases):
        labelled = case != "Case_00664"
        spacing = (1.0, 1.0, 1.0) if case == fake else template.spacing_mm
        kidneys_share_a_label = (2, 1, 2, 3, 4)
        scan = archive.fill(replace(template, spacing_mm=spacing), index, case, kidneys_share_a_label)
        part = 1 + index % 3
        inner = f"AbdomenCT-1K-ImagePart{part}/AbdomenCT-1K-ImagePart{part}"
        archive.image(f"{inner}/{case}_0000.nii.gz", scan, CT)
        if not labelled:
            archive.dead(case, "mask_missing")
            continue
        archive.mask(f"Mask/{case}.nii.gz", scan)
        flags = ["spacing_made_up"] if case == fake else []
        archive.case(case, case, {1: f"{case}_0000.nii.gz"}, scan, flags)
    archive.truth.dead_exact = [*archive.truth.dead, (fake, 0, "no_spacing")]


def write_flare22(archive: Archive) -> None:
    template = Scan((62, 57, 25), (0.78, 0.78, 2.5), axes="RPS")
    for index in range(archive.cases):
        case = f"FLARE22_Tr_{1 + index:04d}"
        scan = archive.fill(template, index, case, range(1, 14), layers=2)
        archive.image(f"FLARE22Train/FLARE22Train/images/{case}_0000.nii.gz", scan, CT)
        archive.mask(f"FLARE22Train/FLARE22Train/labels/{case}.nii.gz", scan)
        archive.case(case, case, {1: f"{case}_0000.nii.gz"}, scan)
    for path in ("Unlabeled/Case_00001_0000.nii.gz", "Tuning/images/FLARETs_0001_0000.nii.gz"):
        archive.image(path, template, CT)


def write_kipa22(archive: Archive) -> None:
    """Names are numbers without leading zeros: "10" sorts before "2"."""
    template = Scan((46, 51, 58), (0.63, 0.63, 0.5), axes="LPS")
    for index in range(archive.cases):
        case = str((2, 10, 0)[index % 3] + 20 * (index // 3))
        scan = archive.fill(template, index, case, (2, 4, 1, 3), lesions=(4,))
        archive.image(f"train/image/{case}.nii.gz", scan, CT)
        archive.mask(f"train/label/{case}.nii.gz", scan)
        archive.case(case, case, {1: f"{case}.nii.gz"}, scan)
    archive.image("test/image/70.nii.gz", template, CT)


SUBJECT_COLUMNS = "SubjectID,CMT-ID,Path,MRBarCode,KneeSide,KLGrade,Gender,Age,BMI"


def write_oaizib(archive: Archive) -> None:
    """Training and test parts are both labelled; a table of each names the subjects. Sagittal slices come first."""
    template = Scan((28, 64, 59), (0.7, 0.365, 0.365), axes="PIR")
    tables: dict[str, list[str]] = {"train": [], "test": []}
    for index in range(archive.cases):
        split, folder, number = ("test", "Ts", 403 + index) if index % 3 == 2 else ("train", "Tr", 1 + index)
        case, subject = f"oaizib_{number:03d}", str(9000099 + 37 * index)
        scan = archive.fill(template, index, case, range(1, 6))
        archive.image(f"images{folder}/{case}_0000.nii.gz", scan, MR, "uint16")
        archive.mask(f"labels{folder}/{case}.nii.gz", scan)
        archive.case(case, subject, {1: f"{case}_0000.nii.gz"}, scan)
        tables[split].append(f"{subject},{number},0.C.2/{subject},01660{number:07d},1,{index % 5},1,61.0,25.4")
    for split, rows in tables.items():
        archive.file(f"subInfo_{split}_1.csv", "\n".join([SUBJECT_COLUMNS, *rows]) + "\n")
        archive.file(f"{split}.csv", "image,mask\n")


def write_topcow24(archive: Archive) -> None:
    """CT and MR of the same patients; masks in a folder of their own, text boxes in another. No 13, no 14."""
    labels = (*range(1, 13), 15)
    ct = Scan((60, 66, 27), (0.45, 0.45, 0.7), axes="LPS")
    for index in range(archive.cases):
        number = f"{1 + 23 * index:03d}"
        for group, task, template in (("MR", 1, replace(ct, spacing_mm=(0.3, 0.3, 0.6))), ("CT", 2, ct)):
            case = f"topcow_{group.lower()}_{number}"
            scan = archive.fill(template, index, case, labels, layers=2)
            archive.image(f"imagesTr/{case}_0000.nii.gz", scan, CT if group == "CT" else MR)
            archive.mask(f"cow_seg_labelsTr/{case}.nii.gz", scan)
            archive.case(f"{group}/{case}", number, {task: f"{case}_0000.nii.gz"}, scan)
            place = "--- ROI Meta Data ---\nSize (Voxels): 40 50 20\nLocation (Voxels): 3 4 2\n"
            archive.file(f"roi_loc_labelsTr/{case}.txt", place)


def write_toothfairy2(archive: Archive) -> None:
    """MetaImage files; ids without meaning (19 and 40 are in the first mask), whose names share one key."""
    teeth = [tens + tooth for tens in (10, 20, 30, 40) for tooth in range(1, 9)]
    template = Scan((62, 66, 30), (0.3, 0.3, 0.3), axes="LPS", centred=False)
    home = "Dataset112_ToothFairy2"
    for index in range(archive.cases):
        case = f"ToothFairy2{'FP'[index % 2]}_{1 + index:03d}"
        labels = [*range(1, 11), *teeth, *((19, 40) if index == 0 else ())]
        scan = archive.fill(template, index, case, labels, layers=2)
        if archive.folder is not None:
            image = scan.image(archive.random(case), CT)
            for path, array in ((f"imagesTr/{case}_0000", image), (f"labelsTr/{case}", scan.labels())):
                target = archive.folder / f"{home}/{path}.mha"
                archive.written.append(write_mha(target, stored(array, "LPS"), scan.spacing_mm, (0, 0, 0)))
        flags = ["label_unknown"] if index == 0 else []
        archive.case(case, case, {1: f"{case}_0000.nii.gz"}, scan, flags)
    unused = ", ".join(f'"NA": {value}' for value in (19, 20, 29, 30, 39, 40))
    archive.file(f"{home}/dataset.json", f'{{"labels": {{"background": 0, {unused}}}, "licence": "CC-BY-SA 4.0"}}\n')


def write_autopet(archive: Archive) -> None:
    """CT and PET of a study share a mask; repeated studies of a patient; one study without a lesion."""
    template = Scan((48, 52, 31), (2.0364, 2.0364, 3.0), axes="LAS")
    root = "PSMA-FDG-PET-CT-Lesions"
    kinds = (
        "fdg_0011f3deaf_03-23-2003-NA-PET-CT Ganzkoerper  primaer mit KM-10445",
        "fdg_0011f3deaf_06-13-2004-NA-PET-CT Ganzkoerper nativ_2-97452",
        "psma_95b833d65be26d2f_2018-04-16",
    )
    empty = "psma_aa11bb22cc33dd44_2019-05-06"
    later = (f"fdg_{index:010x}_01-01-2005-NA" for index in range(3, archive.cases))
    for index, study in enumerate([*kinds[: archive.cases], *later, empty]):
        scan = archive.fill(template, index, study, () if study == empty else (1,), lesions=(1,))
        archive.image(f"{root}/imagesTr/{study}_0000.nii.gz", scan, CT, "float32")
        archive.image(f"{root}/imagesTr/{study}_0001.nii.gz", scan, PET, "float32")
        archive.mask(f"{root}/labelsTr/{study}.nii.gz", scan)
        if study == empty:
            archive.dead(study, "mask_empty")
            continue
        names = {1: f"{study}_0000.nii.gz", 2: f"{study}_0001.nii.gz"}
        archive.case(study, "_".join(study.split("_")[:2]), names, scan)
    for name in ("dataset", "dataset_fingerprint", "splits_final"):
        archive.file(f"{root}/{name}.json", "{}\n")


def write_bcv15(archive: Archive) -> None:
    """Abdomen and cervix with colliding label numbers; test images and registered pairs without meaning here."""
    template = Scan((61, 58, 24), (0.7, 0.7, 3.0), axes="LAS")
    for index in range(archive.cases):
        number = f"{(1, 21, 40)[index % 3] + index // 3:04d}"
        scan = archive.fill(template, index, f"abdomen {number}", range(1, 14), layers=2)
        folder = "Abdomen/RawData/Training"
        archive.image(f"{folder}/img/img{number}.nii.gz", scan, CT)
        archive.mask(f"{folder}/label/label{number}.nii.gz", scan)
        archive.case(f"Abdomen/{number}", f"Abdomen/{number}", {1: f"img{number}.nii.gz"}, scan)
        number = f"{507688 + 1012 * index:07d}"
        scan = archive.fill(template, index + 1, f"cervix {number}", range(1, 5))
        folder = "CervixRawData/RawData/Training"
        archive.image(f"{folder}/img/{number}-Image.nii.gz", scan, CT)
        archive.mask(f"{folder}/label/{number}-Mask.nii.gz", scan)
        archive.case(f"Cervix/{number}", f"Cervix/{number}", {2: f"{number}-Image.nii.gz"}, scan)
    archive.image("Abdomen/RawData/Testing/img/img0061.nii.gz", template, CT)
    pair = archive.fill(template, 0, "registered", (1, 2))
    archive.mask("Abdomen/Reg-Training-Testing/label/0061/label0061-0001.nii.gz", pair)
