"""The legend of shape letters, one for the whole house.

A tensor that changes shape wears its letters as a suffix (`q_THK`), and annotations use the same words
(`Float[Tensor, "T D"]`).

    B  rows of a decoding batch        I  pictures as the encoder sees them (tiles, frames)
    T  tokens of a packed stream       A  position axes (1 = running index, 3 = time, row, column)
    S  documents in a stream           C  values of one patch (channels × height × width)
    N  visual tokens                   D  width, E another width
    P  patches                         H  heads, G key-value heads, K width of a head
    R  regions                         V  vocabulary
"""
