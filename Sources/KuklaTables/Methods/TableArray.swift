import Foundation
public import KuklaFormats
package import KuklaNumerics

/// A named array of a served table, as it lies in memory and in a safetensors file.
public struct TableArray: Sendable {
    public let name: String
    public let elementType: ElementType
    public let shape: [Int]
    private let bytes: AlignedStorage<UInt8>

    /// - Precondition: `storage` holds as many elements as `shape` says.
    package init<Element: TableElement>(_ name: String, _ shape: [Int], _ storage: AlignedStorage<Element>) {
        contract(
            shape.reduce(1, *) == storage.buffer.count,
            "TableArray \(name): \(storage.buffer.count) elements for shape \(shape)")
        self.name = name
        elementType = Element.elementType
        self.shape = shape
        let raw = UnsafeRawBufferPointer(storage.buffer)
        bytes = AlignedStorage(borrowing: raw.bindMemory(to: UInt8.self), from: storage)
    }

    private init(_ name: String, _ type: ElementType, _ shape: [Int], _ bytes: AlignedStorage<UInt8>) {
        (self.name, elementType, self.shape, self.bytes) = (name, type, shape, bytes)
    }

    public var byteCount: Int { bytes.buffer.count }

    /// The same elements under another name.
    func renamed(_ name: String) -> TableArray { TableArray(name, elementType, shape, bytes) }

    /// Reads the bytes in place, little-endian; valid inside `body` only.
    public func withUnsafeBytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try withExtendedLifetime(bytes) { () throws(Failure) -> Result in
            try body(UnsafeRawBufferPointer(bytes.buffer))
        }
    }
}

/// Numbers that tables are stored as.
package protocol TableElement: BitwiseCopyable, Sendable {
    static var elementType: ElementType { get }
}

extension Float: TableElement { package static var elementType: ElementType { .float32 } }
extension Int8: TableElement { package static var elementType: ElementType { .int8 } }
extension UInt8: TableElement { package static var elementType: ElementType { .uint8 } }
extension Int16: TableElement { package static var elementType: ElementType { .int16 } }
extension Int32: TableElement { package static var elementType: ElementType { .int32 } }

/// The arrays of one table in a file, checked as they are taken out.
package struct TableReader {
    let file: SafetensorsFile
    let prefix: String
    /// What the file's metadata say about sizes that no shape tells.
    let facts: [String: [Int]]

    func bad(_ what: String) -> KuklaError {
        KuklaError(.badData, "Cannot load the embedding table of \(file.url.path): \(what).")
    }

    /// The elements of an array, read in place where they are aligned. A size of `nil` in `shape` may be anything.
    func array<Element: TableElement>(
        _ name: String, _ type: Element.Type = Element.self, shape: [Int?]
    ) throws(KuklaError) -> (storage: AlignedStorage<Element>, shape: [Int]) {
        let tensor = try file.tensor(named: prefix + name)
        let fits =
            tensor.shape.count == shape.count && zip(tensor.shape, shape).allSatisfy { $1 == nil || $0 == $1 }
        guard tensor.elementType == Element.elementType, fits else {
            let expected = shape.map { $0.map(String.init) ?? "any" }.joined(separator: ", ")
            throw bad(
                "\"\(prefix + name)\" is \(tensor.elementType.rawValue) of shape \(tensor.shape), expected "
                    + "\(Element.elementType.rawValue) of shape [\(expected)]")
        }
        let storage = file.withUnsafeBytes(of: tensor) { bytes -> AlignedStorage<Element> in
            if Int(bitPattern: bytes.baseAddress).isMultiple(of: MemoryLayout<Element>.alignment) {
                return AlignedStorage(borrowing: bytes.bindMemory(to: Element.self), from: file)
            }
            let copy = AlignedStorage<Element>(uninitialized: tensor.count)
            UnsafeMutableRawBufferPointer(copy.buffer).copyMemory(from: bytes)
            return copy
        }
        return (storage, tensor.shape)
    }

    /// What lies under a further prefix: a table within the table.
    func part(_ inner: String) -> TableReader {
        let own = facts.filter { $0.key.hasPrefix(inner) }
        return TableReader(
            file: file, prefix: prefix + inner,
            facts: Dictionary(
                uniqueKeysWithValues: own.map { (String($0.key.dropFirst(inner.count)), $0.value) }))
    }

    /// A list of numbers of the metadata.
    func fact(_ name: String, count: Int? = nil) throws(KuklaError) -> [Int] {
        guard let numbers = facts[name], count == nil || numbers.count == count else {
            throw bad("its metadata lack \"\(name)\"" + (count.map { " of \($0) numbers" } ?? ""))
        }
        return numbers
    }
}
