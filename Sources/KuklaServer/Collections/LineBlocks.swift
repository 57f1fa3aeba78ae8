import Foundation
import NIOCore

/// Cuts bytes that arrive in parts into blocks of whole lines.
struct LineBlocks {
    /// Whole lines.
    struct Block: Sendable {
        fileprivate let bytes: ByteBuffer
        /// The number of its first line, from 1.
        let firstLine: Int

        /// Calls `body` with each line, without its LF, until it returns false.
        func forEachLine(_ body: (UnsafeRawBufferPointer) -> Bool) {
            bytes.withUnsafeReadableBytes { all in
                var start = 0
                while start < all.count {
                    let end =
                        memchr(all.baseAddress! + start, 0x0A, all.count - start)
                        .map { UnsafeRawPointer($0) - all.baseAddress! } ?? all.count
                    guard body(UnsafeRawBufferPointer(rebasing: all[start..<end])) else { return }
                    start = end + 1
                }
            }
        }
    }

    /// Bytes of a block, and lines, from which on it is full.
    private static let fullBytes = 8 << 20
    private static let fullLines = 4096

    private var bytes = ByteBuffer()
    /// Whole lines that are waiting.
    private var lineCount = 0
    /// Bytes after the last LF.
    private(set) var openLineBytes = 0
    private var firstLine = 1
    private var isFirst = true

    /// Whether there is enough for a block.
    var isFull: Bool {
        lineCount >= Self.fullLines || (lineCount > 0 && bytes.readableBytes >= Self.fullBytes)
    }

    mutating func append(_ part: inout ByteBuffer) {
        part.withUnsafeReadableBytes { part in
            var start = 0
            while start < part.count,
                let end = memchr(part.baseAddress! + start, 0x0A, part.count - start)
            {
                start = UnsafeRawPointer(end) - part.baseAddress! + 1
                lineCount += 1
                openLineBytes = 0
            }
            openLineBytes += part.count - start
        }
        bytes.writeBuffer(&part)
        if isFirst, bytes.readableBytes >= 3 {
            isFirst = false
            // A byte-order mark is no part of the first line.
            if bytes.getBytes(at: bytes.readerIndex, length: 3) == [0xEF, 0xBB, 0xBF] {
                bytes.moveReaderIndex(forwardBy: 3)
                if lineCount == 0 { openLineBytes -= 3 }
            }
        }
    }

    /// The whole lines that have arrived, or, at the end, all that has.
    mutating func take(all: Bool) -> Block {
        let length = bytes.readableBytes - (all ? 0 : openLineBytes)
        let block = Block(bytes: bytes.readSlice(length: length) ?? ByteBuffer(), firstLine: firstLine)
        firstLine += lineCount
        lineCount = 0
        if all { openLineBytes = 0 }
        // What is left is little; in a buffer of its own it does not hold the block's.
        bytes = ByteBuffer(bytes: bytes.readableBytesView)
        return block
    }
}
