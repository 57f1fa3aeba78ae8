public import KuklaNumerics

/// An n-dimensional array of float32 with value semantics, row-major and contiguous, that remembers how it was made
/// where a gradient may be asked for.
///
/// *Shapes:* any number of axes, 0 included (a scalar holds one element); any length, 0 included. A reshape and a
/// range of rows share memory with the tensor that they came from; writing to either copies first.
/// *Differentiation:* reverse mode (`gradients()`, `gradients(of:withRespectTo:)`).
public struct Tensor: Sendable {
    /// Lengths of the axes, slowest first.
    public let shape: [Int]
    /// The number of elements: the product of `shape`.
    public let count: Int
    package private(set) var storage: AlignedStorage<Float>
    package private(set) var offset: Int
    /// How the tensor was made; nil where no gradient flows through it.
    package let node: GradientNode?

    package init(
        shape: [Int], storage: AlignedStorage<Float>, offset: Int = 0, node: GradientNode? = nil
    ) {
        self.shape = shape
        count = shape.elementCount
        self.storage = storage
        self.offset = offset
        self.node = node
        assert(offset >= 0 && offset + count <= storage.buffer.count)
    }

    /// A tensor whose elements are all written by `fill`, in row-major order.
    public init(shape: [Int], initializing fill: (UnsafeMutableBufferPointer<Float>) -> Void) {
        contract(shape.allSatisfy { $0 >= 0 }, "Tensor: negative shape \(shape)")
        let storage = AlignedStorage<Float>(uninitialized: shape.elementCount)
        fill(storage.buffer)
        self.init(shape: shape, storage: storage)
    }

    /// A tensor that holds a copy of `elements`, in row-major order.
    public init(shape: [Int], elements: [Float]) {
        contract(
            elements.count == shape.elementCount, "Tensor: \(elements.count) elements for shape \(shape)")
        self.init(shape: shape) { _ = $0.update(fromContentsOf: elements) }
    }

    /// A vector that holds a copy of `elements`.
    public init(_ elements: [Float]) { self.init(shape: [elements.count], elements: elements) }

    /// A scalar: no axes, one element.
    public init(_ value: Float) { self.init(shape: [], elements: [value]) }

    /// The rows of `matrix`, shared, not copied.
    public init(_ matrix: Matrix) {
        self.init(
            shape: [matrix.rows, matrix.columns], storage: matrix.storage, offset: matrix.offset)
    }

    /// The tensor as a matrix of `count / columns` rows of its last axis, shared, not copied; without gradient.
    public var matrix: Matrix {
        contract(!shape.isEmpty, "matrix: a scalar has no rows")
        let columns = shape[shape.count - 1]
        return Matrix(
            rows: shape.dropLast().reduce(1, *), columns: columns, sharing: storage, at: offset)
    }
}

// MARK: - Elements

extension Tensor {
    /// The number of axes.
    public var rank: Int { shape.count }

    /// All elements in row-major order, copied.
    public var elements: [Float] { withUnsafeBufferPointer { Array($0) } }

    /// The one element of a tensor that has one.
    public var item: Float {
        contract(count == 1, "item: shape \(shape) holds \(count) elements, not one")
        return withUnsafeBufferPointer { $0[0] }
    }

    /// The element at `index`, one number for each axis.
    public subscript(index: Int...) -> Float {
        contract(index.count == rank, "element \(index) of a tensor of shape \(shape)")
        var position = 0
        for (axis, i) in index.enumerated() {
            contract(i >= 0 && i < shape[axis], "element \(index) of a tensor of shape \(shape)")
            position = position * shape[axis] + i
        }
        return withUnsafeBufferPointer { $0[position] }
    }

    /// Reads all elements in place, in row-major order; the pointer is valid inside `body` only.
    public func withUnsafeBufferPointer<Result, Failure: Error>(
        _ body: (UnsafeBufferPointer<Float>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try withExtendedLifetime(storage) { () throws(Failure) -> Result in
            try body(UnsafeBufferPointer(start: storage.pointer + offset, count: count))
        }
    }

    /// Writes elements in place; copies first where the memory is shared or read-only.
    ///
    /// A tensor that was recorded for differentiation cannot be written: its gradient would be that of other values.
    public mutating func withUnsafeMutableBufferPointer<Result, Failure: Error>(
        _ body: (UnsafeMutableBufferPointer<Float>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        contract(node == nil, "writing to a tensor that is recorded for differentiation: use `detached`")
        if !isKnownUniquelyReferenced(&storage) || !storage.isWritable {
            let copy = AlignedStorage<Float>(uninitialized: count)
            copy.pointer.update(from: storage.pointer + offset, count: count)
            storage = copy
            offset = 0
        }
        return try withExtendedLifetime(storage) { () throws(Failure) -> Result in
            try body(UnsafeMutableBufferPointer(start: storage.pointer + offset, count: count))
        }
    }

    /// Where the elements begin. The tensor must be kept alive by the caller.
    package var pointer: UnsafePointer<Float> { UnsafePointer(storage.pointer + offset) }

    /// Whether nobody else shares the memory, so that a result may be written over it.
    package mutating func isUnshared() -> Bool {
        isKnownUniquelyReferenced(&storage) && storage.isWritable
    }
}

extension Tensor: CustomStringConvertible {
    public var description: String {
        let shown = withUnsafeBufferPointer { $0.prefix(8).map { "\($0)" }.joined(separator: ", ") }
        return "Tensor \(shape) [\(shown)\(count > 8 ? ", ..." : "")]"
    }
}
