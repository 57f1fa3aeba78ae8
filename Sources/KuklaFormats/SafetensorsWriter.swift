public import Foundation
public import KuklaNumerics

/// Collects named tensors and writes them as one safetensors file, whole or not at all.
///
/// Tensors lie in the file by falling width of their type, then by name, after a header that is padded to eight
/// bytes: each one is aligned.
public struct SafetensorsWriter: Sendable {
    /// Free text for the file's `__metadata__`.
    public var metadata: [String: String]
    private var tensors: [String: Pending] = [:]

    private struct Pending: Sendable {
        var elementType: ElementType
        var shape: [Int]
        var content: Content
    }

    private enum Content: Sendable {
        case numbers(Matrix)
        case bytes(Data)
    }

    public init(metadata: [String: String] = [:]) { self.metadata = metadata }

    /// Adds a matrix under `name`, to be stored as `elementType`.
    ///
    /// - Parameter shape: the shape to state, `[rows, columns]` where it is `nil`.
    /// - Precondition: the name is new; the shape has as many numbers as the matrix.
    public mutating func add(
        _ matrix: Matrix, named name: String, as elementType: ElementType = .float32, shape: [Int]? = nil
    ) {
        let shape = shape ?? [matrix.rows, matrix.columns]
        contract(
            shape.reduce(1, *) == matrix.rows * matrix.columns,
            "SafetensorsWriter: shape \(shape) for [\(matrix.rows), \(matrix.columns)]")
        insert(Pending(elementType: elementType, shape: shape, content: .numbers(matrix)), name)
    }

    /// Adds a tensor as bytes, little-endian.
    ///
    /// - Precondition: the name is new; the bytes are as many as type and shape need.
    public mutating func add(bytes: Data, named name: String, elementType: ElementType, shape: [Int]) {
        contract(
            shape.reduce(elementType.byteCount, *) == bytes.count,
            "SafetensorsWriter: \(bytes.count) bytes for shape \(shape) of \(elementType)")
        insert(Pending(elementType: elementType, shape: shape, content: .bytes(bytes)), name)
    }

    private mutating func insert(_ tensor: Pending, _ name: String) {
        contract(
            name != "__metadata__" && tensors[name] == nil, "SafetensorsWriter: the name \(name) is taken")
        tensors[name] = tensor
    }

    /// Writes the file at `url`.
    ///
    /// - Throws: `KuklaError` where the disk refuses, or a number does not fit the type that it is stored as.
    public func write(to url: URL) throws(KuklaError) {
        let file = try AtomicFile(url)
        let sorted = tensors.sorted {
            ($1.value.elementType.byteCount, $0.key) < ($0.value.elementType.byteCount, $1.key)
        }
        let header = header(sorted)
        try file.write(valueOf: UInt64(header.utf8.count))
        try file.write(header)
        for (name, tensor) in sorted {
            switch tensor.content {
            case .bytes(let data): try write(data, to: file)
            case .numbers(let matrix):
                for start in stride(from: 0, to: matrix.rows, by: 1024) {
                    let block = matrix[rows: start..<min(start + 1024, matrix.rows)]
                    var bytes: [UInt8] = []
                    let bad = block.withUnsafeBufferPointer { tensor.elementType.append($0, to: &bytes) }
                    guard bad == nil else {
                        throw KuklaError(
                            .badData,
                            "Cannot write the tensor \"\(name)\" to \(url.path): a number does not fit "
                                + "\(tensor.elementType.rawValue).")
                    }
                    try write(Data(bytes), to: file)
                }
            }
        }
        try file.commit()
    }

    private func write(_ data: Data, to file: AtomicFile) throws(KuklaError) {
        var failure: KuklaError?
        data.withUnsafeBytes {
            do throws(KuklaError) { try file.write($0) } catch { failure = error }
        }
        if let failure { throw failure }
    }

    private func header(_ sorted: [(key: String, value: Pending)]) -> String {
        var members: [String] = []
        if !metadata.isEmpty {
            let pairs = metadata.sorted { $0.key < $1.key }.map {
                "\(jsonQuoted($0.key)):\(jsonQuoted($0.value))"
            }
            members.append("\"__metadata__\":{\(pairs.joined(separator: ","))}")
        }
        var offset = 0
        for (name, tensor) in sorted {
            let type = SafetensorsHeader.types.first { $0.value == tensor.elementType }!.key
            let end = tensor.shape.reduce(tensor.elementType.byteCount, *) + offset
            let shape = tensor.shape.map(String.init).joined(separator: ",")
            members.append(
                "\(jsonQuoted(name)):{\"dtype\":\"\(type)\",\"shape\":[\(shape)],\"data_offsets\":[\(offset),\(end)]}"
            )
            offset = end
        }
        let text = "{\(members.joined(separator: ","))}"
        let padded = (text.utf8.count + 7) / 8 * 8
        return text + String(repeating: " ", count: padded - text.utf8.count)
    }
}
