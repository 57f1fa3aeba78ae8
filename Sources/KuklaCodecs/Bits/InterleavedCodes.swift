import KuklaNumerics

/// Codes of `codeBytes` bytes each, and `factorCount` numbers each, in interleaved blocks of 32 vectors.
///
/// A block is `32 * codeBytes` bytes of codes in the order of `kk_bits.h`, then 32 numbers of the first factor, 32 of
/// the second, and so on.
struct InterleavedCodes: Hashable, Sendable {
    static let blockVectors = 32

    /// How a factor is stored.
    enum FactorType: Int, Sendable {
        /// A whole number from 0 to 65,535.
        case uint16 = 2
        case float32 = 4
    }

    let codeBytes: Int
    var factorCount = 0
    var factorType = FactorType.float32

    var layout: CodeLayout {
        CodeLayout(
            vectorsPerBlock: Self.blockVectors,
            bytesPerBlock: Self.blockVectors * (codeBytes + factorType.rawValue * factorCount),
            interleaving: self)
    }

    /// Where the first of the 32 values of a factor lies in its block.
    func factorOffset(_ factor: Int) -> Int {
        Self.blockVectors * (codeBytes + factorType.rawValue * factor)
    }

    /// Where one byte of the code in `slot` lies in its block.
    func byteOffset(slot: Int, byte: Int) -> Int {
        let whole = codeBytes / 4 * 4
        return byte < whole
            ? byte / 4 * 128 + slot * 4 + byte % 4 : byte * Self.blockVectors + slot
    }

    /// Copies what is in one slot of a block to a slot of another.
    func copy(
        _ source: UnsafeRawPointer, slot from: Int, to target: UnsafeMutableRawPointer, slot to: Int
    ) {
        func copy(_ bytes: Int, from offset: Int, to other: Int) {
            (target + other).copyMemory(from: source + offset, byteCount: bytes)
        }
        let whole = codeBytes / 4 * 4
        for byte in stride(from: 0, to: whole, by: 4) {
            copy(4, from: byteOffset(slot: from, byte: byte), to: byteOffset(slot: to, byte: byte))
        }
        for byte in whole..<codeBytes {
            copy(1, from: byteOffset(slot: from, byte: byte), to: byteOffset(slot: to, byte: byte))
        }
        let size = factorType.rawValue
        for factor in 0..<factorCount {
            copy(size, from: factorOffset(factor) + from * size, to: factorOffset(factor) + to * size)
        }
    }

    /// Writes all blocks, some hundred rows at a time.
    ///
    /// `encodeRows` fills, for a range of rows, zeroed codes `[rows, codeBytes]` and factors `[rows, factorCount]`. It is
    /// called from several threads.
    func write(
        rows: Int, into codes: UnsafeMutableRawBufferPointer, threads: Int,
        encodeRows: @Sendable (Range<Int>, UnsafeMutablePointer<UInt8>, UnsafeMutablePointer<Float>) -> Void
    ) {
        contract(
            codes.count == layout.byteCount(of: rows),
            "encode: \(codes.count) bytes for \(layout.byteCount(of: rows)) bytes of codes")
        guard rows > 0, let base = codes.baseAddress else { return }
        nonisolated(unsafe) let out = base  // every range writes blocks of its own
        parallelFor(rows, grain: 16 * Self.blockVectors, threads: threads) { range in
            withUnsafeTemporaryAllocation(of: UInt8.self, capacity: max(range.count * codeBytes, 1)) {
                bytes in
                withUnsafeTemporaryAllocation(of: Float.self, capacity: max(range.count * factorCount, 1)) {
                    factors in
                    bytes.initialize(repeating: 0)
                    factors.initialize(repeating: 0)
                    encodeRows(range, bytes.baseAddress!, factors.baseAddress!)
                    for start in stride(from: 0, to: range.count, by: Self.blockVectors) {
                        let block = (range.lowerBound + start) / Self.blockVectors
                        interleave(
                            bytes.baseAddress! + start * codeBytes,
                            factors.baseAddress! + start * factorCount,
                            count: min(Self.blockVectors, range.count - start),
                            into: out + block * layout.bytesPerBlock)
                    }
                }
            }
        }
    }

    private func interleave(
        _ bytes: UnsafePointer<UInt8>, _ factors: UnsafePointer<Float>, count: Int,
        into block: UnsafeMutableRawPointer
    ) {
        block.initializeMemory(as: UInt8.self, repeating: 0, count: layout.bytesPerBlock)
        for slot in 0..<count {
            for byte in 0..<codeBytes {
                block.storeBytes(
                    of: bytes[slot * codeBytes + byte], toByteOffset: byteOffset(slot: slot, byte: byte),
                    as: UInt8.self)
            }
            for factor in 0..<factorCount {
                let value = factors[slot * factorCount + factor]
                let at = block + factorOffset(factor) + slot * factorType.rawValue
                switch factorType {
                case .uint16: at.storeBytes(of: UInt16(value), as: UInt16.self)
                case .float32: at.storeBytes(of: value, as: Float.self)
                }
            }
        }
    }

    /// Reads the code and the factors of one vector.
    func read(
        _ codes: UnsafeRawBufferPointer, at index: Int, code: UnsafeMutablePointer<UInt8>,
        factors: UnsafeMutablePointer<Float>
    ) {
        let block = codes.baseAddress! + index / Self.blockVectors * layout.bytesPerBlock
        let slot = index % Self.blockVectors
        for byte in 0..<codeBytes {
            code[byte] = block.load(fromByteOffset: byteOffset(slot: slot, byte: byte), as: UInt8.self)
        }
        for factor in 0..<factorCount {
            let at = block + factorOffset(factor) + slot * factorType.rawValue
            factors[factor] =
                switch factorType {
                case .uint16: Float(at.loadUnaligned(as: UInt16.self))
                case .float32: at.loadUnaligned(as: Float.self)
                }
        }
    }

    /// Decodes `count` vectors, one row at a time.
    func decode(
        _ codes: UnsafeRawBufferPointer, count: Int, dimensions: Int,
        decodeRow: (UnsafePointer<UInt8>, UnsafePointer<Float>, UnsafeMutablePointer<Float>) -> Void
    ) -> Matrix {
        contract(
            codes.count >= layout.byteCount(of: count),
            "decode: \(codes.count) bytes for \(count) vectors of \(layout.bytesPerBlock) bytes a block")
        var code = [UInt8](repeating: 0, count: max(codeBytes, 1))
        var factors = [Float](repeating: 0, count: max(factorCount, 1))
        return Matrix(rows: count, columns: dimensions) { out in
            for i in 0..<count {
                read(codes, at: i, code: &code, factors: &factors)
                decodeRow(code, factors, out.baseAddress! + i * dimensions)
            }
        }
    }

    /// Where factors are floats, replaces each score `s` by `body(s, factors)`, 16 vectors at a time; `factors(f)` are the 16 values of factor `f`.
    @inline(__always)
    func rescale(
        _ scores: UnsafeMutablePointer<Float>, codes: UnsafeRawPointer, count: Int,
        _ body: (SIMD16<Float>, (Int) -> SIMD16<Float>) -> SIMD16<Float>
    ) {
        let bytesPerBlock = layout.bytesPerBlock
        for block in 0..<layout.blockCount(of: count) {
            for half in 0..<2 {
                let at = UnsafeMutableRawPointer(scores + block * Self.blockVectors + half * 16)
                let factors = codes + block * bytesPerBlock + Self.blockVectors * codeBytes + half * 64
                let result = body(at.loadUnaligned(as: SIMD16<Float>.self)) {
                    factors.loadUnaligned(fromByteOffset: $0 * 128, as: SIMD16<Float>.self)
                }
                at.storeBytes(of: result, as: SIMD16<Float>.self)
            }
        }
    }
}
