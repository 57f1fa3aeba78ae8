import Foundation
import KuklaFormats
import KuklaNumerics
import KuklaTestSupport
import Testing

@Suite struct SafetensorsTests {
    private let small: [Float] = [-2.5, -1.5, -0.5, 0.5, 1.5, 2.5]

    @Test func `a file of the reference implementation`() throws {
        let file = try SafetensorsFile(golden("small.safetensors"))
        #expect(file.metadata == ["made": "by \"safetensors\"", "format": "pt"])
        #expect(file.tensors.count == 11)
        for name in ["f64", "f32", "f16", "bf16"] { #expect(try file.floats(named: name) == small) }
        for name in ["i8", "i32", "i64"] { #expect(try file.floats(named: name) == small.map { $0 * 2 }) }
        #expect(try file.floats(named: "u8") == small.map { abs($0) * 2 })
        #expect(try file.floats(named: "bool") == [0, 0, 0, 1, 1, 1])
        #expect(try file.floats(named: "scalar") == [7])
        #expect(try file.matrix(named: "f32") == Matrix(rows: 2, columns: 3, elements: small))
        #expect(try file.matrix(named: "empty").rows == 0)
        #expect(file["f16"]?.elementType == .float16 && file["f16"]?.shape == [2, 3])
        #expect(message { try file.matrix(named: "nothing") }.contains("Cannot find the tensor \"nothing\""))
    }

    @Test func `an aligned F32 tensor is read in place`() throws {
        let file = try SafetensorsFile(golden("small.safetensors"))
        let tensor = try file.tensor(named: "f32")
        let matrix = try file.matrix(named: "f32")
        let inFile = file.withUnsafeBytes(of: tensor) { Int(bitPattern: $0.baseAddress) }
        let inMatrix = matrix.withUnsafeBufferPointer { Int(bitPattern: $0.baseAddress) }
        #expect(inFile == inMatrix)
    }

    @Test func `what is written comes back, also to the reference implementation`() throws {
        try withFolder { folder in
            let url = folder.appending(path: "a.safetensors")
            let matrix = Matrix(rows: 2, columns: 3, elements: small)
            var writer = SafetensorsWriter(metadata: ["a \"b\"": "c\nd"])
            writer.add(matrix, named: "z", as: .float32)
            writer.add(matrix, named: "h", as: .float16)
            writer.add(matrix, named: "b", as: .bfloat16)
            writer.add(
                Matrix(rows: 1, columns: 3, elements: [-1, 0, 127]), named: "i", as: .int8, shape: [3])
            writer.add(bytes: Data([1, 0, 0, 0, 0, 0, 0, 1]), named: "l", elementType: .int64, shape: [1])
            try writer.write(to: url)
            let file = try SafetensorsFile(url)
            #expect(file.metadata == ["a \"b\"": "c\nd"])
            #expect(file.tensors.map(\.name) == ["l", "z", "b", "h", "i"])
            for name in ["z", "h", "b"] { #expect(try file.matrix(named: name) == matrix) }
            #expect(try file.matrix(named: "i") == Matrix(rows: 1, columns: 3, elements: [-1, 0, 127]))
            #expect(try file.floats(named: "l") == [Float(1 + 1 << 56)])
            let python = "/opt/peers/bin/python"
            if FileManager.default.fileExists(atPath: python) {
                let process = Process()
                process.executableURL = URL(fileURLWithPath: python)
                process.arguments = [
                    "-c",
                    "from safetensors import safe_open; f = safe_open('\(url.path)', 'np'); "
                        + "assert f.get_tensor('z').tolist() == [[-2.5, -1.5, -.5], [.5, 1.5, 2.5]]; "
                        + "assert f.get_tensor('i').tolist() == [-1, 0, 127]; "
                        + "assert f.metadata() == {'a \"b\"': 'c\\nd'}",
                ]
                try process.run()
                process.waitUntilExit()
                #expect(process.terminationStatus == 0)
            }
            var bad = SafetensorsWriter()
            bad.add(Matrix(rows: 1, columns: 1, elements: [1e9]), named: "x", as: .float16)
            #expect(message { try bad.write(to: url) }.contains("\"x\""))
            #expect(try SafetensorsFile(url).tensors.count == 5)
        }
    }

    @Test func `a damaged header is said in a sentence`() throws {
        try withFolder { folder in
            func check(_ header: String, data: Int = 8, _ expected: String) throws {
                let url = folder.appending(path: "x.safetensors")
                let length = withUnsafeBytes(of: UInt64(header.utf8.count)) { Data($0) }
                try (length + Data(header.utf8) + Data(count: data)).write(to: url)
                let text = message { try SafetensorsFile(url) }
                #expect(text.contains(expected))
            }
            let a = #""a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}"#
            try check("{\(a),\(a)}", "the name \"a\" is there twice")
            try check("{\(a)}", data: 7, "it is cut")
            try check("{\(a)}", data: 9, "something else follows")
            try check("{\(a),\(a.replacing("\"a\"", with: "\"b\""))}", "where the one before ends at 8")
            try check("{\(a.replacing("[2]", with: "[3]"))}", "needs 12 bytes")
            try check("{\(a.replacing("[2]", with: "[-2]"))}", "negative")
            try check("{\(a.replacing("[0,8]", with: "[8,0]"))}", "offsets are 8 and 0")
            try check("{\(a.replacing("F32", with: "F3"))}", "is of type F3")
            try check("{\(a.replacing("[2]", with: "[999999999999,999999999999]"))}", "absurd shape")
            try check("{\(a)", "its header is damaged")
            try check("[]", "does not start with '{'")
        }
    }

    @Test(.enabled(if: SharedData.model != nil)) func `the real model's weights are read in place`() throws {
        let file = try SafetensorsFile(#require(SharedData.model).appending(path: "model.safetensors"))
        let words = try file.tensors.first { $0.shape == [30522, 384] }.map {
            try file.matrix(named: $0.name)
        }
        #expect(words?.rows == 30522)
        try words?.checkFinite(name: "weights")
    }
}
