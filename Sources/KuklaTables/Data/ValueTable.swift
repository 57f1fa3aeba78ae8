import Foundation
import KuklaFormats
import KuklaNumerics

/// Values numbered in the order in which they came, found again by their bytes: an open hash table over one run of memory.
///
/// It may lie in a memory map, and is then read only: opening costs nothing, and looking up touches a few pages.
/// Only the one that a reader grows is written; copies of it must not be kept meanwhile.
struct ValueTable: Sendable {
    private(set) var count = 0
    /// All values, one after another.
    private var bytes: AlignedStorage<UInt8>
    /// Where each value begins, and where the last one ends.
    private var bounds: AlignedStorage<Int64>
    /// The number of a value plus 1, or 0; a power of two of them.
    private var slots: AlignedStorage<Int32>

    init() {
        bytes = AlignedStorage(uninitialized: 1 << 10)
        bounds = AlignedStorage(zeros: 1 << 7)
        slots = AlignedStorage(zeros: 1 << 8)
    }

    /// The value of that number; nothing where a damaged file says that it lies elsewhere.
    func value(_ number: Int) -> UnsafeRawBufferPointer {
        let (start, end) = (bounds.pointer[number], bounds.pointer[number + 1])
        guard start >= 0, start <= end, end <= bytes.buffer.count else {
            return UnsafeRawBufferPointer(start: nil, count: 0)
        }
        return UnsafeRawBufferPointer(start: bytes.pointer + Int(start), count: Int(end - start))
    }

    /// The number of a value, or nil. `hash` is `ValueHash.hash(value)`.
    ///
    /// - Complexity: O(1) expected.
    func find(_ value: UnsafeRawBufferPointer, hash: UInt64) -> Int32? {
        guard let slot = slot(of: value, hash: hash) else { return nil }
        let found = slots.pointer[slot]
        return found == 0 ? nil : found - 1
    }

    /// The number of a value, which gets the next one where it is new.
    mutating func insert(_ value: UnsafeRawBufferPointer, hash: UInt64) -> Int32 {
        guard let slot = slot(of: value, hash: hash) else {
            preconditionFailure("a table without free slots")
        }
        let found = slots.pointer[slot]
        if found > 0 { return found - 1 }
        append(value)
        slots.pointer[slot] = Int32(count)
        if 2 * count > slots.buffer.count { rehash(4 * count) }
        return Int32(count - 1)
    }

    // Where the value stands, or the free slot where it would; nil where a damaged file has neither.
    private func slot(of value: UnsafeRawBufferPointer, hash: UInt64) -> Int? {
        let mask = slots.buffer.count - 1
        var slot = Int(truncatingIfNeeded: hash) & mask
        for _ in 0...mask {
            let found = Int(slots.pointer[slot])
            if found == 0 { return slot }
            guard found > 0, found <= count else { return nil }
            if equal(self.value(found - 1), value) { return slot }
            slot = (slot + 1) & mask
        }
        return nil
    }

    private func equal(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Bool {
        guard a.count == b.count else { return false }
        guard let x = a.baseAddress, let y = b.baseAddress else { return true }
        return memcmp(x, y, a.count) == 0
    }

    private mutating func append(_ value: UnsafeRawBufferPointer) {
        let start = Int(bounds.pointer[count])
        if start + value.count > bytes.buffer.count {
            bytes = bytes.grown(to: 2 * (start + value.count), keeping: start)
        }
        if let from = value.baseAddress {
            UnsafeMutableRawPointer(bytes.pointer + start).copyMemory(from: from, byteCount: value.count)
        }
        if count + 2 > bounds.buffer.count { bounds = bounds.grown(to: 2 * (count + 2), keeping: count + 1) }
        count += 1
        bounds.pointer[count] = Int64(start + value.count)
    }

    private mutating func rehash(_ least: Int) {
        var size = slots.buffer.count
        while size < least { size *= 2 }
        slots = AlignedStorage(zeros: size)
        for number in 0..<count {
            let value = value(number)
            guard let slot = slot(of: value, hash: ValueHash.hash(value)) else { continue }
            slots.pointer[slot] = Int32(number + 1)
        }
    }
}

extension AlignedStorage {
    /// A longer block that begins with the first `count` elements of this one.
    func grown(to capacity: Int, keeping count: Int) -> AlignedStorage {
        let result = AlignedStorage(uninitialized: capacity)
        result.pointer.update(from: pointer, count: count)
        return result
    }
}

// MARK: - Files

extension ValueTable {
    /// Adds the table to a file as three arrays.
    func add(to writer: inout SafetensorsWriter, prefix: String) {
        let length = Int(bounds.pointer[count])
        writer.add(
            bytes: Data(bytes: bytes.pointer, count: length), named: prefix + "values", elementType: .uint8,
            shape: [length])
        writer.add(
            bytes: Data(bytes: bounds.pointer, count: 8 * (count + 1)), named: prefix + "bounds",
            elementType: .int64, shape: [count + 1])
        writer.add(
            bytes: Data(bytes: slots.pointer, count: 4 * slots.buffer.count), named: prefix + "slots",
            elementType: .int32, shape: [slots.buffer.count])
    }

    /// The table in a file, read in place.
    ///
    /// - Throws: `KuklaError(.badData)` where the arrays are not those of a table. What they hold is checked as it is read.
    /// - Complexity: O(1).
    init(_ file: SafetensorsFile, prefix: String) throws(KuklaError) {
        bytes = try file.borrowed(UInt8.self, .uint8, prefix + "values")
        bounds = try file.borrowed(Int64.self, .int64, prefix + "bounds")
        slots = try file.borrowed(Int32.self, .int32, prefix + "slots")
        count = bounds.buffer.count - 1
        let isPowerOfTwo = slots.buffer.count > 0 && slots.buffer.count & (slots.buffer.count - 1) == 0
        guard count >= 0, isPowerOfTwo, count < slots.buffer.count, bounds.buffer.first == 0,
            bounds.buffer.last == Int64(bytes.buffer.count)
        else {
            throw KuklaError(
                .badData,
                "Cannot read the vocabulary in \(file.url.path): \"\(prefix)\" is no table of values; the file is damaged."
            )
        }
    }
}

extension SafetensorsFile {
    /// The numbers of a vector in the file, in place; the map stays open as long as they are held.
    func borrowed<Element: BitwiseCopyable>(
        _: Element.Type, _ elementType: ElementType, _ name: String
    ) throws(KuklaError) -> AlignedStorage<Element> {
        let tensor = try tensor(named: name)
        guard tensor.elementType == elementType, tensor.shape.count == 1 else {
            throw KuklaError(
                .badData,
                "Cannot read \"\(name)\" in \(url.path): expected a vector of \(elementType.rawValue), found shape "
                    + "\(tensor.shape) of \(tensor.elementType.rawValue).")
        }
        return withUnsafeBytes(of: tensor) { bytes in
            guard let start = bytes.baseAddress, tensor.count > 0 else {
                return AlignedStorage(uninitialized: 0)
            }
            return AlignedStorage(
                borrowing: UnsafeBufferPointer(
                    start: start.assumingMemoryBound(to: Element.self), count: tensor.count),
                from: self)
        }
    }
}
