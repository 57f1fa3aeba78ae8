import KuklaNumerics

/// The lengths of a convolution, whichever way it is run. Spatial axes are always three, leading ones of length 1 where the
/// tensors have fewer: one set of loops serves 1-D, 2-D and 3-D.
///
/// "Input" is the side that windows slide over (`x` of a convolution, the *result* of a transposed one), "output" has one
/// element for each position of the window.
package struct ConvolutionGeometry: Sendable, Equatable {
    let rank: Int
    let images: Int
    let groups: Int
    let inputChannels, outputChannels: Int
    let input, kernel, output: [Int]
    let stride, padding, dilation: [Int]

    /// Channels of one group.
    var groupInputs: Int { inputChannels / groups }
    var groupOutputs: Int { outputChannels / groups }
    /// Elements of one channel of one image.
    var inputPlane: Int { input.elementCount }
    var outputPlane: Int { output.elementCount }
    var taps: Int { kernel.elementCount }
    /// Elements of one filter: the inner length of the product.
    var filter: Int { groupInputs * taps }

    var inputShape: [Int] { [images, inputChannels] + input.suffix(rank) }
    var outputShape: [Int] { [images, outputChannels] + output.suffix(rank) }
    var weightShape: [Int] { [outputChannels, groupInputs] + kernel.suffix(rank) }

    /// Whether the unfolded input is the input itself: one tap, every position, no border.
    var isPointwise: Bool {
        taps == 1 && stride == [1, 1, 1] && padding == [0, 0, 0] && input == output
    }
    /// Whether every output channel looks at one input channel: too little for a matrix product.
    var isDepthwise: Bool { groupInputs == 1 && groups > 1 }

    /// Stride, padding and dilation as the caller says them.
    struct Window {
        let stride, padding, dilation: [Int]

        init(
            rank: Int, stride: AxisLengths, padding: AxisLengths, dilation: AxisLengths,
            operation: StaticString
        ) {
            self.stride = stride.expanded(rank: rank, minimum: 1, "stride", operation: operation)
            self.padding = padding.expanded(rank: rank, minimum: 0, "padding", operation: operation)
            self.dilation = dilation.expanded(rank: rank, minimum: 1, "dilation", operation: operation)
        }
    }

    /// A convolution over `x [n, c, ...]` with `weight [out, c / groups, ...]`.
    init(convolving x: [Int], _ weight: [Int], window: Window, groups: Int, operation: StaticString) {
        let rank = weight.count - 2
        contract(
            rank >= 1 && rank <= 3 && x.count == rank + 2,
            "\(operation): input of shape \(x) and weight of shape \(weight): expected [images, channels, ...] and [outputs, channels / groups, ...] with 1 to 3 spatial axes"
        )
        contract(
            groups > 0 && x[1] % groups == 0 && weight[0] % groups == 0 && x[1] / groups == weight[1]
                && x[1] > 0,
            "\(operation): input of shape \(x) and weight of shape \(weight) do not agree for \(groups) groups: the weight's second length times the groups is the number of channels"
        )
        let output = (0..<rank).map { i in
            let reach = window.dilation[i] * (weight[i + 2] - 1) + 1
            let room = x[i + 2] + 2 * window.padding[i] - reach
            contract(
                room >= 0 && weight[i + 2] > 0,
                "\(operation): a window of \(reach) (weight of shape \(weight)) does not fit into axis \(i + 2) of shape \(x) with padding \(window.padding[i])"
            )
            return room / window.stride[i] + 1
        }
        self.init(
            rank: rank, images: x[0], groups: groups, inputChannels: x[1], outputChannels: weight[0],
            input: Array(x.dropFirst(2)), kernel: Array(weight.dropFirst(2)), output: output, window: window)
    }

    /// The convolution whose transpose takes `y [n, c, ...]` with `weight [c, out / groups, ...]`.
    init(
        transposing y: [Int], _ weight: [Int], window: Window, outputPadding: [Int], groups: Int,
        operation: StaticString
    ) {
        let rank = weight.count - 2
        contract(
            rank >= 1 && rank <= 3 && y.count == rank + 2,
            "\(operation): input of shape \(y) and weight of shape \(weight): expected [images, channels, ...] and [channels, outputs / groups, ...] with 1 to 3 spatial axes"
        )
        contract(
            groups > 0 && y[1] == weight[0] && y[1] % groups == 0 && y[1] > 0,
            "\(operation): input of shape \(y) and weight of shape \(weight) do not agree for \(groups) groups: the weight's first length is the number of channels"
        )
        let input = (0..<rank).map { i in
            contract(
                outputPadding[i] < max(window.stride[i], window.dilation[i]),
                "\(operation): output padding \(outputPadding[i]) of axis \(i + 2), expected less than stride \(window.stride[i]) or dilation \(window.dilation[i])"
            )
            let length =
                (y[i + 2] - 1) * window.stride[i] - 2 * window.padding[i]
                + window.dilation[i] * (weight[i + 2] - 1) + outputPadding[i] + 1
            contract(
                length > 0 && weight[i + 2] > 0,
                "\(operation): padding \(window.padding[i]) leaves nothing of axis \(i + 2) for input of shape \(y) and weight of shape \(weight)"
            )
            return length
        }
        self.init(
            rank: rank, images: y[0], groups: groups, inputChannels: weight[1] * groups,
            outputChannels: y[1], input: input, kernel: Array(weight.dropFirst(2)),
            output: Array(y.dropFirst(2)), window: window)
    }

    private init(
        rank: Int, images: Int, groups: Int, inputChannels: Int, outputChannels: Int, input: [Int],
        kernel: [Int], output: [Int], window: Window
    ) {
        func three(_ lengths: [Int], _ lead: Int) -> [Int] {
            [Int](repeating: lead, count: 3 - rank) + lengths
        }
        self.rank = rank
        self.images = images
        self.groups = groups
        self.inputChannels = inputChannels
        self.outputChannels = outputChannels
        self.input = three(input, 1)
        self.kernel = three(kernel, 1)
        self.output = three(output, 1)
        stride = three(window.stride, 1)
        padding = three(window.padding, 0)
        dilation = three(window.dilation, 1)
    }

    /// The positions along spatial axis `axis` at which tap `tap` meets an element of the input.
    func positions(axis: Int, tap: Int) -> Range<Int> {
        let shift = padding[axis] - tap * dilation[axis]  // input = position * stride - shift
        let first = max(0, (shift + stride[axis] - 1) / stride[axis])
        let room = input[axis] - 1 + shift
        let last = room < 0 ? -1 : min(output[axis] - 1, room / stride[axis])
        return shift < 0 ? 0..<max(0, last + 1) : first..<max(first, last + 1)
    }
}
