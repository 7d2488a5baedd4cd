import no_such_library

schema = no_such_library.schema
