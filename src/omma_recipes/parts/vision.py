"""Published vision towers as parts. Numbers from the released configs named behind each."""

from omma.model.vision.vit import ViT

CLIP_MEAN, CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)

# openai/clip-vit-large-patch14-336: the tower of the LLaVA line, read at its second-to-last layer without the class token
CLIP_L_336 = ViT(
    patch=14,
    width=1024,
    depth=24,
    heads=16,
    mlp_width=4096,
    image_size=336,
    activation="quick_gelu",
    class_token=True,
    input_norm=True,
    final_norm=False,
    patch_bias=False,
    feature_layer=-2,
    norm_eps=1e-5,
    mean=CLIP_MEAN,
    std=CLIP_STD,
)
