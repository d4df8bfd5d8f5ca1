"""Published vision towers as parts. Numbers from the released configs named behind each."""

from dataclasses import replace

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

# openai/clip-vit-base-patch32 and -patch16, as they hand on what enters their head
CLIP_B_32 = replace(CLIP_L_336, patch=32, width=768, depth=12, heads=12, mlp_width=3072, image_size=224, feature_layer=-1)
CLIP_B_16 = replace(CLIP_B_32, patch=16)

# google/siglip-so400m-patch14-384, -large-patch16-384 and -base-patch16-224, their last norm kept
SIGLIP_SO_384 = ViT(patch=14, width=1152, depth=27, heads=16, mlp_width=4304, image_size=384)
SIGLIP_L_384 = ViT(patch=16, width=1024, depth=24, heads=16, mlp_width=4096, image_size=384)
SIGLIP_B_224 = ViT(patch=16, width=768, depth=12, heads=12, mlp_width=3072, image_size=224)

# google/siglip2-so400m-patch16-512 and siglip2-giant-opt-patch16-384; of one fixed size SigLIP 2 is built as SigLIP is
SIGLIP2_SO_512 = replace(SIGLIP_SO_384, patch=16, image_size=512)
SIGLIP2_GIANT_384 = ViT(patch=16, width=1536, depth=40, heads=16, mlp_width=6144, image_size=384)

# google/siglip2-so400m-patch16-naflex and -base-patch16-naflex: a table of 16 × 16 places, resized to the grid of each picture
SIGLIP2_SO_NAFLEX = replace(SIGLIP2_SO_512, image_size=256, positions="bilinear_smooth")
SIGLIP2_B_NAFLEX = replace(SIGLIP_B_224, image_size=256, positions="bilinear_smooth")

# facebook/dinov2-{small,base,large}: a table for 518 px
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
DINOV2_L = ViT(
    patch=14, width=1024, depth=24, heads=16, mlp_width=4096, image_size=518, activation="gelu", class_token=True,
    layer_scale=1.0, mean=IMAGENET_MEAN, std=IMAGENET_STD,
)  # fmt: skip
DINOV2_B = replace(DINOV2_L, width=768, depth=12, heads=12, mlp_width=3072)
DINOV2_S = replace(DINOV2_L, width=384, depth=12, heads=6, mlp_width=1536)

# facebook/dinov2-giant: a gated MLP of two thirds of four widths
DINOV2_G = replace(DINOV2_L, width=1536, depth=40, heads=24, mlp="gated", mlp_width=4096, activation="silu")

# facebook/dinov2-with-registers-large
DINOV2_L_REGISTERS = replace(DINOV2_L, registers=4, positions="bicubic_smooth")
