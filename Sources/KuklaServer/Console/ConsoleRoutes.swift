import HTTPTypes
import Hummingbird
import NIOCore

/// `GET /`: the console. It is for everybody who reaches the server: what it shows, it asks for with the key that it is given.
struct ConsoleRoutes {
    private static let body = ByteBuffer(string: ConsolePage.html)
    private static let headers = ConsolePage.headers.reduce(into: HTTPFields()) { fields, header in
        if let name = HTTPField.Name(header.name) { fields[name] = header.value }
    }

    func add(to router: Router<RequestScope>) {
        router.get("/") { request, _ in
            let isKnown = request.headers[.ifNoneMatch] == ConsolePage.entityTag
            return Response(
                status: isKnown ? .notModified : .ok, headers: Self.headers,
                body: isKnown ? ResponseBody() : ResponseBody(byteBuffer: Self.body))
        }
    }
}
