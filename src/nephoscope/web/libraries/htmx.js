// htmx starts by itself when it is loaded.
import "htmx.org";
