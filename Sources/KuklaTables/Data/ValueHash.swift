/// A 64-bit hash of a value's bytes, the same in every process and on every machine: what splits, hashed ids and the ids of
/// values that training never saw are made of.
///
/// Eight bytes at a time are multiplied into the state (the multiply-rotate step of MurmurHash3, Appleby 2011), and its
/// finalizer mixes the end. Not for adversaries: whoever chooses values can make them collide.
enum ValueHash {
    static func hash(_ bytes: UnsafeRawBufferPointer, seed: UInt64 = 0) -> UInt64 {
        var state = mixed(seed ^ UInt64(bytes.count) &* 0x9E37_79B9_7F4A_7C15)
        var i = 0
        while i + 8 <= bytes.count {
            state = absorbed(
                UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: i, as: UInt64.self)), state)
            i += 8
        }
        var rest: UInt64 = 0
        while i < bytes.count {
            rest = rest << 8 | UInt64(bytes[i])
            i += 1
        }
        return mixed(absorbed(rest, state))
    }

    static func hash(_ text: String, seed: UInt64 = 0) -> UInt64 {
        var text = text
        return text.withUTF8 { hash(UnsafeRawBufferPointer($0), seed: seed) }
    }

    /// A number of a row as a share in `[0, 1)`: how rows are split at random.
    static func share(_ number: Int, seed: UInt64) -> Double {
        share(mixed(UInt64(bitPattern: Int64(number)) &+ mixed(seed &+ 0x9E37_79B9_7F4A_7C15)))
    }

    static func share(_ hash: UInt64) -> Double { Double(hash >> 11) * 0x1p-53 }

    private static func absorbed(_ word: UInt64, _ state: UInt64) -> UInt64 {
        var k = word &* 0x87C3_7B91_1142_53D5
        k = k << 31 | k >> 33
        var h = state ^ k &* 0x4CF5_AD43_2745_937F
        h = h << 27 | h >> 37
        return h &* 5 &+ 0x52DC_E729
    }

    private static func mixed(_ value: UInt64) -> UInt64 {
        var x = value
        x = (x ^ x >> 33) &* 0xFF51_AFD7_ED55_8CCD
        x = (x ^ x >> 33) &* 0xC4CE_B9FE_1A85_EC53
        return x ^ x >> 33
    }
}
