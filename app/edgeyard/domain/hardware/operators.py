"""Which ONNX operators a runtime runs or lacks, from the lists that `runtime` names.

Lists of converters are in the words of the target (`LOGISTIC`); here they are in those of ONNX, with what converters
fold away: constants, identities, batch normalization after a convolution, and quantization pairs.
"""

from __future__ import annotations


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_FOLDED = _names("BatchNormalization Constant ConstantOfShape DequantizeLinear Dropout Identity QuantizeLinear Shape")

_SEQUENCES_AND_TEXT = _names(
    "ConcatFromSequence ImageDecoder Optional OptionalGetElement OptionalHasElement RegexFullMatch SequenceAt"
    " SequenceConstruct SequenceEmpty SequenceErase SequenceInsert SequenceLength SequenceMap SplitToSequence"
    " StringConcat StringNormalizer StringSplit TfIdfVectorizer"
)
_TRAINING = _names("Adagrad Adam Gradient Momentum NegativeLogLikelihoodLoss SoftmaxCrossEntropyLoss")

NOT_IN_ONNXRUNTIME_CPU = _names("Adagrad Adam Gradient ImageDecoder Momentum")

NOT_IN_OPENVINO = _names(
    "Bernoulli DeformConv Det ImageDecoder LpPool MaxUnpool MelWeightMatrix Optional OptionalGetElement"
    " OptionalHasElement RegexFullMatch SequenceMap StringConcat StringNormalizer StringSplit TfIdfVectorizer"
)

NOT_IN_TENSORRT = (
    _names(
        "Bernoulli BitShift BlackmanWindow Compress ConvInteger DFT Det DynamicQuantizeLinear HammingWindow HannWindow"
        " Hardmax IsInf LayerNormalization MatMulInteger MaxRoiPool MaxUnpool MelWeightMatrix Multinomial QLinearConv"
        " QLinearMatMul STFT Unique AffineGrid BitwiseAnd BitwiseNot BitwiseOr BitwiseXor CenterCropPad Col2Im"
        " DeformConv Gelu GroupNormalization Mish"
    )
    | _SEQUENCES_AND_TEXT
    | _TRAINING
)

_ELEMENTWISE = _names("Add Div Max Min Mul Sub")
_SHAPES = _names("Concat Flatten Pad Reshape Slice Split Squeeze Transpose Unsqueeze")
_POOLS = _names("AveragePool GlobalAveragePool GlobalMaxPool MaxPool")

LITERT = (
    _FOLDED
    | _ELEMENTWISE
    | _SHAPES
    | _POOLS
    | _names(
        "Abs And ArgMax ArgMin Cast Ceil Clip Conv ConvTranspose Cos CumSum DepthToSpace Elu Equal Erf Exp Expand Floor"
        " Gather GatherElements GatherND Gelu Gemm Greater GreaterOrEqual GRU HardSigmoid HardSwish"
        " InstanceNormalization LRN LSTM LayerNormalization LeakyRelu Less LessOrEqual Log LogSoftmax LpNormalization"
        " MatMul Mean Mod Neg NonMaxSuppression NonZero Not OneHot Or PRelu Pow RNN Range Reciprocal ReduceL1 ReduceL2"
        " ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu Resize"
        " ReverseSequence Round ScatterND Selu Sigmoid Sign Sin Softmax Softplus Softsign SpaceToDepth Sqrt Sum Tanh"
        " Tile TopK Upsample Where"
    )
)

EDGE_TPU = (
    _FOLDED
    | _SHAPES
    | _POOLS
    | _names(
        "Add Clip Conv ConvTranspose Gemm LSTM LpNormalization MatMul Max Min Mul PRelu ReduceMax ReduceMean ReduceMin"
        " ReduceSum Relu Resize Sigmoid Softmax SpaceToDepth Sub Sum Tanh Upsample"
    )
)

HAILO = (
    _FOLDED
    | _ELEMENTWISE
    | _SHAPES
    | _POOLS
    | _names(
        "Abs ArgMax Clip Conv ConvTranspose DepthToSpace Elu Equal Erf Exp Expand Gelu Gemm Greater HardSigmoid"
        " HardSwish InstanceNormalization LSTM LayerNormalization LeakyRelu Less Log LogSoftmax MatMul Mish Neg PRelu"
        " Pow Reciprocal ReduceL2 ReduceMax ReduceMean ReduceMin ReduceSum ReduceSumSquare Relu Resize Sigmoid Sign"
        " Softmax Softplus Softsign SpaceToDepth Sqrt Sum Tanh Tile Upsample"
    )
)

QNN = (
    _FOLDED
    | _ELEMENTWISE
    | _SHAPES
    | _POOLS
    | _names(
        "Abs And ArgMax ArgMin Asin Atan Cast Ceil Clip Conv ConvTranspose Cos CumSum DepthToSpace Einsum Elu Equal Exp"
        " Expand Floor Gather GatherElements GatherND Gelu Gemm Greater GreaterOrEqual GridSample HardSigmoid HardSwish"
        " InstanceNormalization LRN LSTM LayerNormalization LeakyRelu Less LessOrEqual Log LogSoftmax LpNormalization"
        " MatMul Mean Mod Neg Not Or PRelu Pow RandomUniformLike Reciprocal ReduceL2 ReduceMax ReduceMean ReduceMin"
        " ReduceProd ReduceSum Relu Resize Round STFT ScatterElements ScatterND Sigmoid Sign Sin Softmax SpaceToDepth"
        " Sqrt Sum Tanh ThresholdedRelu Tile TopK Upsample Where"
    )
)

CORE_ML = (
    _FOLDED
    | _names("Add Div Max Mul Sub")
    | (_SHAPES - _names("Flatten Pad"))
    | _POOLS
    | _names(
        "ArgMax Cast Ceil Clip Conv ConvTranspose Cos DepthToSpace Elu Erf Exp GatherND Gelu Gemm GridSample"
        " GroupNormalization HardSigmoid InstanceNormalization LayerNormalization LeakyRelu MatMul PRelu Pow Range"
        " Reciprocal ReduceMax ReduceMean ReduceSum Relu Resize Round Sigmoid Sin Softmax Softplus Sqrt Tanh Tile"
    )
)

MICRO = (
    _FOLDED
    | _ELEMENTWISE
    | _SHAPES
    | _POOLS
    | _names(
        "Abs And ArgMax ArgMin Cast Ceil Clip Conv ConvTranspose Cos CumSum DepthToSpace Elu Equal Exp Expand Floor"
        " Gather GatherND Gemm Greater GreaterOrEqual HardSwish LSTM LeakyRelu Less LessOrEqual Log LogSoftmax"
        " LpNormalization MatMul Mean Mod Neg Not Or PRelu ReduceMax ReduceMean ReduceSum Relu Resize Round Sigmoid Sin"
        " Softmax SpaceToDepth Sqrt Sum Tanh Upsample Where"
    )
)
