import Foundation
import KuklaNumerics
import Testing

@Suite struct OpenFileTests {
    @Test func `reads answer from the file that was opened, and say where it ends`() throws {
        let url = FileManager.default.temporaryDirectory.appending(path: "kukla-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: url) }
        try Data(0..<100).write(to: url)
        let file = try OpenFile(url)
        func read(_ count: Int, at offset: Int) throws -> [UInt8] {
            let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 1)
            defer { bytes.deallocate() }
            try file.read(bytes, at: offset)
            return Array(bytes)
        }
        #expect(try read(5, at: 95) == [95, 96, 97, 98, 99])
        #expect(try read(0, at: 100).isEmpty)
        try Data("other".utf8).write(to: url, options: .atomic)
        #expect(try read(3, at: 0) == [0, 1, 2])
        do {
            _ = try read(6, at: 95)
            Issue.record("read behind the end")
        } catch let error as KuklaError {
            #expect(error.code == .badData && error.message.contains("ends at byte 100"))
        }
        #expect(throws: KuklaError.self) { try OpenFile(url.appending(path: "nothing")) }
    }
}
