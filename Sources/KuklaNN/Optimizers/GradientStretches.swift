import KuklaTensor

/// Memory that an update writes: a parameter's or a piece of state.
struct UpdateTarget: @unchecked Sendable {  // blocks of a parallel loop write elements of their own
    private let pointer: UnsafeMutablePointer<Float>

    /// Copies first where the memory is shared. Valid while the tensor lives and is not copied.
    init(_ tensor: inout Tensor) {
        pointer = tensor.withUnsafeMutableBufferPointer { buffer in
            // Nobody writes to an empty tensor.
            buffer.baseAddress ?? UnsafeMutablePointer(bitPattern: 64)!
        }
    }

    static func + (target: UpdateTarget, offset: Int) -> UnsafeMutablePointer<Float> {
        target.pointer + offset
    }
}

/// Neighbouring elements of a parameter that have a gradient.
struct GradientStretch {
    /// Where it begins in the parameter, and where among the gradient's values.
    let offset, position: Int
    let count: Int
    let gradient: UnsafePointer<Float>
}

extension Gradient {
    /// Calls `body` for every stretch of elements that have a gradient, on all threads. A dense gradient is cut into blocks
    /// fixed by its length; each row of a sparse one is a stretch.
    func forEachStretch(_ body: @Sendable (GradientStretch) -> Void) {
        switch self {
        case .dense(let tensor):
            tensorFor(tensor.count, grain: elementGrain) { block in
                let start = block.lowerBound
                body(
                    GradientStretch(
                        offset: start, position: start, count: block.count, gradient: tensor.pointer + start))
            }
        case .rows(let rows):
            let width = rows.rowShape.reduce(1, *)
            guard width > 0 else { return }
            // Pointers taken once: counting references for every row would cost more than the row.
            let values = rows.values
            rows.indices.withUnsafeBufferPointer { indices in
                nonisolated(unsafe) let (indices, from) = (indices, values.pointer)  // read only
                tensorFor(indices.count, grain: max(1, elementGrain / width)) { block in
                    for i in block {
                        body(
                            GradientStretch(
                                offset: Int(indices[i]) * width, position: i * width, count: width,
                                gradient: from + i * width))
                    }
                }
            }
            withExtendedLifetime(values) {}
        }
    }

    /// Whether it is one of some rows.
    var isSparse: Bool { if case .rows = self { true } else { false } }
}
