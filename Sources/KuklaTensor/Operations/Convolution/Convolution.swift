import KuklaNumerics

// Convolution, its transpose and its weight gradient are three faces of one sum over (x, weight, y). Each is the gradient
// of the others, so gradients of gradients work through all three.

extension Tensor {
    /// The convolution (cross-correlation, as everywhere in deep learning) over the last axis.
    ///
    /// *Shapes:* `self [n, c, length]`, `weight [out, c / groups, taps]`, `bias [out]`; result `[n, out, length']` with
    /// `length' = (length + 2 padding - dilation (taps - 1) - 1) / stride + 1`, rounded down. Zeros stand beyond the border.
    /// `groups` divides `c` and `out`: output channels of a group see its input channels only (`groups == c`: depthwise).
    public func convolution1D(
        _ weight: Tensor, _ bias: Tensor? = nil, stride: AxisLengths = 1, padding: AxisLengths = 0,
        dilation: AxisLengths = 1, groups: Int = 1
    ) -> Tensor {
        convolution(
            weight, bias, spatialAxes: 1, stride: stride, padding: padding, dilation: dilation, groups: groups
        )
    }

    /// The convolution over the last two axes: `self [n, c, height, width]`, `weight [out, c / groups, ...]`. See `convolution1D`.
    public func convolution2D(
        _ weight: Tensor, _ bias: Tensor? = nil, stride: AxisLengths = 1, padding: AxisLengths = 0,
        dilation: AxisLengths = 1, groups: Int = 1
    ) -> Tensor {
        convolution(
            weight, bias, spatialAxes: 2, stride: stride, padding: padding, dilation: dilation, groups: groups
        )
    }

    /// The convolution over the last three axes: `self [n, c, depth, height, width]`, `weight [out, c / groups, ...]`. See
    /// `convolution1D`.
    public func convolution3D(
        _ weight: Tensor, _ bias: Tensor? = nil, stride: AxisLengths = 1, padding: AxisLengths = 0,
        dilation: AxisLengths = 1, groups: Int = 1
    ) -> Tensor {
        convolution(
            weight, bias, spatialAxes: 3, stride: stride, padding: padding, dilation: dilation, groups: groups
        )
    }

    /// The convolution over `spatialAxes` axes (1 to 3) after the first two. See `convolution1D`.
    public func convolution(
        _ weight: Tensor, _ bias: Tensor? = nil, spatialAxes: Int, stride: AxisLengths = 1,
        padding: AxisLengths = 0, dilation: AxisLengths = 1, groups: Int = 1
    ) -> Tensor {
        contract(
            weight.rank == spatialAxes + 2,
            "convolution: weight of shape \(weight.shape) for \(spatialAxes) spatial axes")
        let geometry = ConvolutionGeometry(
            convolving: shape, weight.shape,
            window: .init(
                rank: spatialAxes, stride: stride, padding: padding, dilation: dilation,
                operation: "convolution"),
            groups: groups, operation: "convolution")
        checkBias(bias, channels: geometry.outputChannels, operation: "convolution")
        return geometry.output(self, weight, bias)
    }

    private func checkBias(_ bias: Tensor?, channels: Int, operation: StaticString) {
        contract(
            bias == nil || bias?.shape == [channels],
            "\(operation): bias of shape \(bias?.shape ?? []) for \(channels) output channels")
    }

    /// The transpose of `convolution1D`: each element spreads its window over the result.
    ///
    /// *Shapes:* `self [n, c, length]`, `weight [c, out / groups, taps]`, `bias [out]`; result `[n, out, length']` with
    /// `length' = (length - 1) stride - 2 padding + dilation (taps - 1) + outputPadding + 1`. `outputPadding`, less than the
    /// stride or the dilation, chooses among the lengths that a convolution of this stride takes to `length`.
    public func transposedConvolution1D(
        _ weight: Tensor, _ bias: Tensor? = nil, stride: AxisLengths = 1, padding: AxisLengths = 0,
        outputPadding: AxisLengths = 0, groups: Int = 1, dilation: AxisLengths = 1
    ) -> Tensor {
        transposedConvolution(
            weight, bias, spatialAxes: 1, stride: stride, padding: padding, outputPadding: outputPadding,
            groups: groups, dilation: dilation)
    }

    /// The transpose of `convolution2D`: `self [n, c, height, width]`, `weight [c, out / groups, ...]`. See
    /// `transposedConvolution1D`.
    public func transposedConvolution2D(
        _ weight: Tensor, _ bias: Tensor? = nil, stride: AxisLengths = 1, padding: AxisLengths = 0,
        outputPadding: AxisLengths = 0, groups: Int = 1, dilation: AxisLengths = 1
    ) -> Tensor {
        transposedConvolution(
            weight, bias, spatialAxes: 2, stride: stride, padding: padding, outputPadding: outputPadding,
            groups: groups, dilation: dilation)
    }

    /// The transpose of `convolution3D`: `self [n, c, depth, height, width]`, `weight [c, out / groups, ...]`. See
    /// `transposedConvolution1D`.
    public func transposedConvolution3D(
        _ weight: Tensor, _ bias: Tensor? = nil, stride: AxisLengths = 1, padding: AxisLengths = 0,
        outputPadding: AxisLengths = 0, groups: Int = 1, dilation: AxisLengths = 1
    ) -> Tensor {
        transposedConvolution(
            weight, bias, spatialAxes: 3, stride: stride, padding: padding, outputPadding: outputPadding,
            groups: groups, dilation: dilation)
    }

    /// The transposed convolution over `spatialAxes` axes (1 to 3) after the first two. See `transposedConvolution1D`.
    public func transposedConvolution(
        _ weight: Tensor, _ bias: Tensor? = nil, spatialAxes: Int, stride: AxisLengths = 1,
        padding: AxisLengths = 0, outputPadding: AxisLengths = 0, groups: Int = 1, dilation: AxisLengths = 1
    ) -> Tensor {
        contract(
            weight.rank == spatialAxes + 2,
            "transposedConvolution: weight of shape \(weight.shape) for \(spatialAxes) spatial axes")
        let geometry = ConvolutionGeometry(
            transposing: shape, weight.shape,
            window: .init(
                rank: spatialAxes, stride: stride, padding: padding, dilation: dilation,
                operation: "transposedConvolution"),
            outputPadding: outputPadding.expanded(
                rank: spatialAxes, minimum: 0, "output padding", operation: "transposedConvolution"),
            groups: groups, operation: "transposedConvolution")
        checkBias(bias, channels: geometry.inputChannels, operation: "transposedConvolution")
        let result = geometry.input(self, weight)
        guard let bias else { return result }
        return result + bias.reshaped([-1] + [Int](repeating: 1, count: spatialAxes))
    }
}

extension ConvolutionGeometry {
    /// The convolution of `x` with `weight`.
    func output(_ x: Tensor, _ weight: Tensor, _ bias: Tensor? = nil) -> Tensor {
        Tensor(shape: outputShape) { out in
            guard let to = out.baseAddress, out.count > 0 else { return }
            if isDepthwise {
                DepthwiseConvolution(self).output(x.pointer, weight.pointer, bias: bias?.pointer, into: to)
            } else {
                ConvolutionProduct(self).output(x.pointer, weight.pointer, bias: bias?.pointer, into: to)
            }
        }.recorded("convolution", from: [x, weight] + (bias.map { [$0] } ?? [])) { gradient, inputs in
            inputs.add(self.input(gradient, weight), to: x)
            inputs.add(self.weight(x, gradient), to: weight)
            if let bias { inputs.add(gradient.summedOverChannels(), to: bias) }
        }
    }

    /// The transposed convolution of `y` with `weight`: the gradient of the convolution's input.
    func input(_ y: Tensor, _ weight: Tensor) -> Tensor {
        Tensor(shape: inputShape) { out in
            guard let to = out.baseAddress, out.count > 0 else { return }
            guard outputPlane > 0 else { return out.update(repeating: 0) }
            if isDepthwise {
                DepthwiseConvolution(self).input(y.pointer, weight.pointer, into: to)
            } else {
                ConvolutionProduct(self).input(y.pointer, weight.pointer, into: to)
            }
        }.recorded(
            "transposedConvolution", (y, { self.output($0, weight) }), (weight, { self.weight($0, y) }))
    }

    /// The gradient of the weight of a convolution of `x` whose result has gradient `y`.
    func weight(_ x: Tensor, _ y: Tensor) -> Tensor {
        Tensor(shape: weightShape) { out in
            guard let to = out.baseAddress, out.count > 0 else { return }
            guard x.count > 0, y.count > 0 else { return out.update(repeating: 0) }
            if isDepthwise {
                DepthwiseConvolution(self).weight(x.pointer, y.pointer, into: to)
            } else {
                ConvolutionProduct(self).weight(x.pointer, y.pointer, into: to)
            }
        }.recorded(
            "convolutionWeightGradient", (x, { self.input(y, $0) }), (y, { self.output(x, $0) }))
    }
}

extension Tensor {
    /// The sum over all axes but the second: the gradient of a bias of channels.
    func summedOverChannels() -> Tensor {
        let (images, channels) = (shape[0], shape[1])
        let plane = shape.dropFirst(2).reduce(1, *)
        let spread = shape
        return Tensor(shape: [channels]) { out in
            guard let base = out.baseAddress else { return }
            nonisolated(unsafe) let to = base  // every block writes channels of its own
            tensorFor(channels, grain: Swift.max(1, elementGrain / Swift.max(1, images * plane))) { block in
                for channel in block {
                    var sum: Float = 0
                    for image in 0..<images {
                        let from = pointer + (image * channels + channel) * plane
                        var sums = SIMD16<Float>.zero
                        var i = 0
                        while i + 16 <= plane {
                            sums += UnsafeRawPointer(from + i).loadUnaligned(as: SIMD16<Float>.self)
                            i += 16
                        }
                        var rest = sums.sum()
                        while i < plane {
                            rest += from[i]
                            i += 1
                        }
                        sum += rest
                    }
                    to[channel] = sum
                }
            }
        }.recorded(
            "summedOverChannels",
            (
                self,
                { $0.reshaped([-1] + [Int](repeating: 1, count: spread.count - 2)).broadcast(to: spread) }
            ))
    }
}
