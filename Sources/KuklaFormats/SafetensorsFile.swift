public import Foundation
public import KuklaNumerics

/// Named tensors in a safetensors file, mapped into memory.
///
/// The whole header is checked before anything is given out: types, shapes, extents within the file, in one row
/// without gap or overlap, no name twice.
///
/// Source: https://github.com/huggingface/safetensors, section "Format".
public final class SafetensorsFile: Sendable {
    /// One tensor: what its header says, and its bytes in the map.
    public struct Tensor: Sendable {
        public let name: String
        public let elementType: ElementType
        public let shape: [Int]
        fileprivate let extent: Range<Int>

        /// How many numbers it has.
        public var count: Int { extent.count / elementType.byteCount }
    }

    public var url: URL { file.url }
    /// All tensors, in the order of their bytes.
    public let tensors: [Tensor]
    /// The text that whoever wrote the file put into `__metadata__`.
    public let metadata: [String: String]

    private let file: MappedFile
    private let indices: [String: Int]

    /// Maps the file at `url` and checks its header.
    ///
    /// - Throws: `KuklaError` (`missingFile`, `inputOutput`, `badData`, `unsupported`).
    public init(_ url: URL) throws(KuklaError) {
        file = try MappedFile(url)
        let header = try SafetensorsHeader(file.bytes, name: url.path)
        metadata = header.metadata
        tensors = header.entries.map {
            let start = header.dataOffset + $0.begin
            return Tensor(
                name: $0.name, elementType: $0.elementType, shape: $0.shape,
                extent: start..<header.dataOffset + $0.end)
        }
        indices = Dictionary(uniqueKeysWithValues: tensors.enumerated().map { ($1.name, $0) })
    }

    /// The tensor of that name, or `nil`.
    public subscript(name: String) -> Tensor? { indices[name].map { tensors[$0] } }

    /// The tensor of that name.
    ///
    /// - Throws: `KuklaError(.badData)` where there is none.
    public func tensor(named name: String) throws(KuklaError) -> Tensor {
        guard let tensor = self[name] else {
            throw KuklaError(
                .badData,
                "Cannot find the tensor \"\(name)\" in \(url.path), which has \(tensors.count) tensors.")
        }
        return tensor
    }

    /// The bytes of a tensor of this file in the map; valid inside `body` only.
    public func withUnsafeBytes<Result, Failure: Error>(
        of tensor: Tensor, _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try withExtendedLifetime(file) { () throws(Failure) -> Result in try body(bytes(of: tensor)) }
    }

    /// The numbers of a tensor as float32, in row-major order.
    ///
    /// - Throws: `KuklaError(.badData)` where there is no such tensor.
    public func floats(named name: String) throws(KuklaError) -> [Float] {
        let tensor = try tensor(named: name)
        return Array(unsafeUninitializedCapacity: tensor.count) { out, count in
            tensor.elementType.convert(
                bytes(of: tensor), to: UnsafeMutableBufferPointer(rebasing: out[..<tensor.count]))
            count = tensor.count
        }
    }

    /// A tensor as a matrix of float32: `[rows, columns]` as it is, `[columns]` as one row. F32 on a 4-byte
    /// boundary is read in place, everything else is converted.
    ///
    /// - Throws: `KuklaError(.badData)` where there is no such tensor, or it has another number of dimensions.
    public func matrix(named name: String) throws(KuklaError) -> Matrix {
        let tensor = try tensor(named: name)
        guard (1...2).contains(tensor.shape.count) else {
            throw KuklaError(
                .badData,
                "Cannot read the tensor \"\(name)\" of \(url.path) as a matrix: its shape is \(tensor.shape)."
            )
        }
        let rows = tensor.shape.count == 2 ? tensor.shape[0] : 1
        let columns = tensor.shape.last!
        let bytes = bytes(of: tensor)
        let isAligned = Int(bitPattern: bytes.baseAddress).isMultiple(of: MemoryLayout<Float>.alignment)
        if tensor.elementType == .float32 && isAligned {
            return Matrix(
                rows: rows, columns: columns, borrowing: bytes.assumingMemoryBound(to: Float.self), from: file
            )
        }
        return Matrix(rows: rows, columns: columns) { tensor.elementType.convert(bytes, to: $0) }
    }

    private func bytes(of tensor: Tensor) -> UnsafeRawBufferPointer {
        contract(tensor.extent.upperBound <= file.bytes.count, "SafetensorsFile: a tensor of another file")
        return UnsafeRawBufferPointer(rebasing: file.bytes[tensor.extent])
    }
}
